import type { ArchiveEvent } from '../api/archive';
import { nameOf, operationsOf, toneOfHappening, trailOf } from './history';

function event(event_id: string, at: number, causation_id: string | null, type = 'artstore.DocumentCommitted', payload = {}) {
  const actor = { subject: 's', login: 'anna', full_name: 'Анна' };
  const where = { topic: 't', partition: 0, offset: at, aggregate_type: 'document', aggregate_id: 'd', aggregate_version: 1 };
  const occurred_at = `2026-11-24T10:00:0${at}Z`;
  return { ...where, event_id, type, occurred_at, correlation_id: 'op', causation_id, actor, payload } as ArchiveEvent;
}

const advanced = (id: string, at: number, cause: string, cause_type: string, more = {}) =>
  event(id, at, cause, 'artstore.SagaAdvanced', { cause_id: cause, cause_type: `artstore.${cause_type}`, status: 'running', step: 'content', ...more });

/** An upload as the archive tells it: what the inbox held is told by the operation alone. */
const UPLOAD = [
  advanced('z1', 1, 'op', 'UploadRequested'),
  event('y2', 2, 'op'),
  advanced('a3', 2, 'reply', 'ContentCommitted', { step: 'text', cause_causation_id: 'y2', outputs: [{ id: 'ask', type: 'artstore.ExtractText' }] }),
  event('x4', 3, 'ask', 'artstore.TextExtracted'),
  advanced('b5', 3, 'told', 'TextFinished', { status: 'succeeded', cause_causation_id: 'x4' }),
];

describe('the trail of a document', () => {
  it('names every cause of an upload, those that only the operation knows too', () => {
    const trail = trailOf([...UPLOAD].reverse());
    expect(trail.map(({ event, cause }) => [event.event_id, cause])).toEqual([
      ['z1', 'UploadRequested'],
      ['y2', 'UploadRequested'],
      ['a3', 'DocumentCommitted'],
      ['x4', 'ExtractText'],
      ['b5', 'TextExtracted'],
    ]);
    expect(trail.map(({ isRequest }) => isRequest)).toEqual([true, true, false, false, false]);
  });

  it('has each event once, and none before its cause, in whatever order they come', () => {
    for (let turn = 0; turn < UPLOAD.length; turn++) {
      const turned = [...UPLOAD.slice(turn), ...UPLOAD.slice(0, turn), ...UPLOAD];
      expect(trailOf(turned).map(({ event }) => event.event_id)).toEqual(['z1', 'y2', 'a3', 'x4', 'b5']);
    }
  });

  it('names a deadline and a refusal, which no event tells of', () => {
    const trail = trailOf([advanced('a', 1, 'm1', 'DeadlineExpired'), advanced('b', 2, 'm2', 'UploadRefused', { cause_causation_id: 'op' })]);
    expect(trail.map(({ cause }) => cause)).toEqual(['DeadlineExpired', 'UploadRefused']);
  });

  it('names no cause that nobody tells of, and stands events that name each other', () => {
    expect(trailOf([event('a', 1, 'unknown')])[0]).toMatchObject({ cause: null, isRequest: false });
    expect(trailOf([event('a', 1, 'b'), event('b', 1, 'a'), event('c', 1, 'c')]).map(({ event }) => event.event_id).sort()).toEqual(['a', 'b', 'c']);
  });

  it('tells where an operation has come to, for its own events alone', () => {
    const [begun, stored] = trailOf(UPLOAD);
    expect([begun?.status, begun?.step, stored?.status, stored?.step]).toEqual(['running', 'content', null, null]);
    expect(trailOf([advanced('a', 1, 'x', 'y', { step: 5 })])[0]?.step).toBeNull();
  });

  it('makes ends stand out', () => {
    expect(trailOf([...UPLOAD, advanced('f', 9, 'm', 'UploadRefused', { status: 'failed' })]).map(toneOfHappening)).toEqual(['still', null, 'still', null, 'good', 'bad']);
  });

  it('knows the operations behind it', () => {
    expect(operationsOf([event('a', 1, null), event('b', 2, null)])).toEqual(['op']);
    expect(nameOf('plain')).toBe('plain');
  });
});
