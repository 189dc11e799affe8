// A document for tests.
import type { Document } from '../api/archive';

export const document = (number: number, more: Partial<Document> = {}): Document => ({
  document_id: `d${number}`,
  version: 1,
  filename: `${number}.txt`,
  title: `Document ${number}`,
  size: number,
  media_type: 'text/plain',
  sha256: '0'.repeat(64),
  document_class: '',
  tags: [],
  custom: {},
  element_id: 'e1',
  mode: 'edit',
  retention: { class: 'permanent', until: null },
  created_at: '2026-11-24T10:00:00Z',
  created_by: { subject: 's', login: 'anna', full_name: 'Anna' },
  updated_at: '2026-11-24T10:00:00Z',
  attr_seq: 1,
  ...more,
});
