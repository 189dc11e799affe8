// How a state looks: good, bad, busy, in need of somebody, or still.
import type { Operation } from '../api/archive';
import type { Stage } from '../uploads/upload';

export type Tone = 'good' | 'bad' | 'busy' | 'warn' | 'still';

const STATES: Record<Operation['state'], Tone> = { running: 'busy', compensating: 'warn', succeeded: 'good', failed: 'bad', suspended: 'warn' };
const STEPS: Readonly<Record<string, Tone>> = { done: 'good', running: 'busy', failed: 'bad', skipped: 'still' };
const STAGES: Partial<Record<Stage, Tone>> = { found: 'good', failed: 'bad', paused: 'still', interrupted: 'warn', waiting: 'still' };

export const toneOfState = (state: Operation['state']): Tone => STATES[state];
export const toneOfStep = (state: string): Tone => STEPS[state] ?? 'still';
export const toneOfStage = (stage: Stage): Tone => STAGES[stage] ?? 'busy';
