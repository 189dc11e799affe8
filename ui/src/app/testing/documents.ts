// A document for tests, and what is told of one that is damaged.
import type { Document, Integrity } from '../api/archive';

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
  integrity: { state: 'whole', quarantined: [] },
  ...more,
});

export const DAMAGED: Integrity = {
  state: 'damaged',
  part: 'body',
  reason: 'digest',
  found_by: 'scrub',
  found_at: '2026-11-24T10:00:00Z',
  quarantined: ['d1.v1.1.txt'],
};
