// Asking for an operation again and again until it has ended; a part that is away meanwhile is told, and asked again.
import type { Operation } from '../api/archive';
import { mayHelpAgain } from '../api/problem';
import type { Loading } from '../problems/loading';
import { hasEnded } from '../uploads/upload';

const AGAIN_MS = 1500;

export interface Watched {
  readonly ask: () => Promise<void>;
  readonly shown: Loading<Operation>;
  readonly rest: (ms: number) => Promise<void>;
  readonly isWanted: () => boolean;
}

export async function watch({ ask, shown, rest, isWanted }: Watched): Promise<void> {
  while (isWanted()) {
    await ask();
    const problem = shown.problem();
    const operation = shown.value();
    if (problem !== undefined && !mayHelpAgain(problem)) return;
    if (problem === undefined && operation !== undefined && hasEnded(operation)) return;
    await rest(AGAIN_MS);
  }
}
