import type { ArchiveEvent } from '../api/archive';
import { nameOf, operationsOf, trailOf } from './history';

function event(event_id: string, at: number, causation_id: string | null, type = 'artstore.DocumentCommitted') {
  const actor = { subject: 's', login: 'anna', full_name: 'Анна' };
  const where = { topic: 't', partition: 0, offset: at, aggregate_type: 'document', aggregate_id: 'd', aggregate_version: 1 };
  const occurred_at = `2026-11-24T10:00:0${at}Z`;
  return { ...where, event_id, type, occurred_at, correlation_id: 'op', causation_id, actor, payload: {} } as ArchiveEvent;
}

describe('the trail of a document', () => {
  it('is in order, each event once, with causes by their names', () => {
    const committed = event('a', 1, 'op');
    const text = event('b', 2, 'a', 'artstore.TextExtracted');
    const trail = trailOf([text, committed, text]);
    expect(trail.map((happening) => happening.name)).toEqual(['DocumentCommitted', 'TextExtracted']);
    expect(trail[0]).toMatchObject({ cause: null, isByOperation: true });
    expect(trail[1]).toMatchObject({ cause: 'DocumentCommitted', isByOperation: false });
  });

  it('names no cause that is not among the events', () => {
    expect(trailOf([event('a', 1, 'unknown')])[0]).toMatchObject({ cause: null, isByOperation: false });
  });

  it('tells where an operation has come to, and nothing where it does not say', () => {
    const advanced = { ...event('a', 1, null), payload: { step: 'content' } };
    expect(trailOf([advanced, event('b', 2, null)]).map((happening) => happening.step)).toEqual(['content', null]);
    expect(trailOf([{ ...advanced, payload: { step: 5 } }])[0]?.step).toBeNull();
  });

  it('knows the operations behind it', () => {
    expect(operationsOf([event('a', 1, null), event('b', 2, null)])).toEqual(['op']);
    expect(nameOf('plain')).toBe('plain');
  });
});
