// One upload as people see it, and what may be done with it at each stage: plain values, no browser.
import type { Operation } from '../api/archive';
import type { ProblemBody } from '../api/problem';

export type Stage =
  | 'waiting'
  | 'reading'
  | 'announcing'
  | 'sending'
  | 'stored'
  | 'found'
  | 'paused'
  | 'interrupted'
  | 'failed';

/**
 * `done` counts bytes of this stage, of which `from` were there when it began; `interrupted`: a tab that was closed has
 * sent some of it, and the file must be chosen again. `lost` while nobody answers; `since` when the stage began (ms).
 */
export interface Upload {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly stage: Stage;
  readonly done: number;
  readonly from: number;
  readonly since: number;
  readonly lost: boolean;
  readonly step: string;
  readonly operationId?: string;
  readonly documentId?: string;
  readonly problem?: ProblemBody;
}

export type Change = Partial<Omit<Upload, 'id' | 'name' | 'size' | 'since'>>;

export const SLOW_MS = 10_000;
const PACE_SECONDS_MIN = 2;
const BUSY: readonly Stage[] = ['reading', 'announcing', 'sending'];
const ENDED: readonly Stage[] = ['found', 'failed'];

export function begun(id: string, name: string, size: number, now: number): Upload {
  return { id, name, size, stage: 'waiting', done: 0, from: 0, since: now, lost: false, step: 'accepted' };
}

/** One that a closed tab has left. */
export function recalled(id: string, name: string, size: number, since: number): Upload {
  return { ...begun(id, name, size, since), stage: 'interrupted' };
}

/** The upload after `change`; a new stage begins its clock, and takes the problem of the last one away. */
export function changed(upload: Upload, change: Change, now: number): Upload {
  const fresh = change.stage !== undefined && change.stage !== upload.stage;
  const begins = fresh ? { since: now, done: 0, from: 0, lost: false, problem: undefined } : {};
  return { ...upload, ...begins, ...change };
}

/** What an operation says of the upload that began it. */
export function toldBy(operation: Operation): Change {
  const documentId = operation.document_id ?? undefined;
  const common = { step: operation.step, lost: false, ...(documentId === undefined ? {} : { documentId }) };
  if (operation.state === 'succeeded') return { ...common, stage: 'found' };
  if (operation.state === 'failed') return { ...common, stage: 'failed', problem: operation.problem ?? undefined };
  return common;
}

export function hasEnded(operation: Operation): boolean {
  return operation.state === 'succeeded' || operation.state === 'failed';
}

export const isBusy = (upload: Upload): boolean => BUSY.includes(upload.stage);
/** Its bytes are nowhere but in this tab: to close the tab is to lose it. */
export const isOnlyHere = (upload: Upload): boolean => canPause(upload) || upload.stage === 'paused';
export const isOver = (upload: Upload): boolean => ENDED.includes(upload.stage);
export const canPause = (upload: Upload): boolean => isBusy(upload) || upload.stage === 'waiting';
export const canRemove = (upload: Upload): boolean => !isBusy(upload) && upload.stage !== 'stored';
export const isSlow = (upload: Upload, now: number): boolean =>
  upload.stage === 'stored' && now - upload.since > SLOW_MS;

/** Bytes a second of this stage, and the seconds that are left at that pace. */
export interface Pace {
  readonly rate: number;
  readonly left: number;
}

/** The pace of what is being read or sent; null until it has gone on long enough to be told. */
export function paceOf(upload: Upload, now: number): Pace | null {
  const seconds = (now - upload.since) / 1000;
  const isMoving = upload.stage === 'reading' || upload.stage === 'sending';
  if (!isMoving || upload.lost || seconds < PACE_SECONDS_MIN || upload.done <= upload.from) return null;
  const rate = (upload.done - upload.from) / seconds;
  return { rate, left: Math.ceil((upload.size - upload.done) / rate) };
}

/** Percent of the whole way: reading is its first fifth, sending the rest. */
export function progressOf(upload: Upload): number {
  const part = upload.size === 0 ? 1 : upload.done / upload.size;
  if (upload.stage === 'reading') return 20 * part;
  if (upload.stage === 'announcing') return 20;
  if (upload.stage === 'sending') return 20 + 80 * part;
  return upload.stage === 'stored' || upload.stage === 'found' ? 100 : 0;
}
