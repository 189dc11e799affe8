import type { Operation } from '../api/archive';
import { begun, canPause, canRemove, changed, isOnlyHere, isSlow, paceOf, progressOf, toldBy, type Stage, type Upload } from './upload';

const NEW = begun('1', 'Опись.txt', 200, 1000);
const at = (stage: Stage, done = 0): Upload => ({ ...NEW, stage, done });
const operation = (more: Partial<Operation>) => ({ state: 'running', step: 'content', ...more }) as Operation;

describe('an upload', () => {
  it('begins each stage with its own clock and without the last problem', () => {
    const failed = changed(NEW, { stage: 'failed', problem: { code: 'busy' } as Upload['problem'], lost: true }, 2000);
    const again = changed(failed, { stage: 'waiting' }, 3000);
    expect(again).toMatchObject({ since: 3000, done: 0, lost: false, problem: undefined });
    expect(changed(again, { done: 5 }, 9000).since).toBe(3000);
  });

  it('is found only when the operation has succeeded', () => {
    expect(toldBy(operation({})).stage).toBeUndefined();
    expect(toldBy(operation({ state: 'compensating' })).stage).toBeUndefined();
    expect(toldBy(operation({ state: 'succeeded', document_id: 'd' }))).toMatchObject({ stage: 'found', documentId: 'd' });
  });

  it('keeps the reason of a failed operation', () => {
    const problem = { code: 'type_refused' } as Operation['problem'];
    expect(toldBy(operation({ state: 'failed', problem }))).toMatchObject({ stage: 'failed', problem });
  });

  it('is slow only while it is stored and not found', () => {
    const stored = changed(NEW, { stage: 'stored' }, 1000);
    expect([isSlow(stored, 5000), isSlow(stored, 20_000), isSlow(at('found'), 99_000)]).toEqual([false, true, false]);
  });

  it('comes forward through reading and sending, and is whole for an empty file', () => {
    const way = [at('waiting'), at('reading', 100), at('announcing'), at('sending', 100), at('stored')].map(progressOf);
    expect(way).toEqual([0, 10, 20, 60, 100]);
    expect(progressOf({ ...at('sending'), size: 0 })).toBe(100);
  });

  it('has a pace while bytes move, once it has gone on long enough, and none while nobody answers', () => {
    const sending = { ...at('sending', 100), since: 0 };
    expect(paceOf(sending, 4000)).toEqual({ rate: 25, left: 4 });
    expect(paceOf({ ...sending, stage: 'reading' }, 4000)).toEqual({ rate: 25, left: 4 });
    for (const still of [{ ...sending, done: 0 }, { ...sending, lost: true }, { ...sending, stage: 'stored' as const }]) expect(paceOf(still, 4000)).toBeNull();
    expect(paceOf(sending, 1000)).toBeNull();
    expect(paceOf({ ...sending, from: 60 }, 4000)).toEqual({ rate: 10, left: 10 });
  });

  it('is only in this tab until it is stored', () => {
    const stages: Stage[] = ['waiting', 'reading', 'announcing', 'sending', 'stored', 'found', 'paused', 'interrupted', 'failed'];
    expect(stages.filter((stage) => isOnlyHere(at(stage)))).toEqual(['waiting', 'reading', 'announcing', 'sending', 'paused']);
  });

  it('can be paused until it is stored, and removed when nothing is under way', () => {
    const stages: Stage[] = ['waiting', 'reading', 'announcing', 'sending', 'stored', 'found', 'paused', 'interrupted', 'failed'];
    expect(stages.filter((stage) => canPause(at(stage)))).toEqual(['waiting', 'reading', 'announcing', 'sending']);
    expect(stages.filter((stage) => canRemove(at(stage)))).toEqual(['waiting', 'found', 'paused', 'interrupted', 'failed']);
  });
});
