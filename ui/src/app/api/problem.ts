// What went wrong, as the archive tells it (RFC 9457), or as this browser sees it when nobody answered.
import type { components } from './schema';

export type ProblemBody = components['schemas']['Problem'];

/** A refusal or failure that a person is told about. `code` is stable; the words come from the dictionary or from it. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(readonly body: ProblemBody) {
    super(body.detail);
  }

  get code(): string {
    return this.body.code;
  }

  /** Whether the same request may succeed a little later. */
  get mayPass(): boolean {
    return this.code === UNREACHABLE || PASSING.includes(this.body.status);
  }
}

/** Whether asking the same again can help: not for what is refused for good. */
export function mayHelpAgain({ status }: ProblemBody): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

export const UNREACHABLE = 'unreachable';
// The archive's own word for what may pass, and what a proxy says while the archive behind it is away.
const PASSING: readonly number[] = [502, 503, 504];

/** Nobody answered: the network, or a program that is being started again. */
export function unreachable(): Problem {
  return local(UNREACHABLE, 'No answer', 'The archive does not answer.');
}

/** A problem that was found here, not by the archive. */
export function local(code: string, title: string, detail: string): Problem {
  return new Problem({ type: `urn:artstore:problem:${code}`, title, status: 0, detail, code });
}

/** Read a problem out of an answer's body; one that is none becomes a problem with the status in it. */
export function problemOf(body: unknown, status: number): Problem {
  if (isProblem(body)) return new Problem(body);
  const { body: told } = local('unreadable_answer', `HTTP ${status}`, `The answer with status ${status} cannot be read.`);
  return new Problem({ ...told, status });
}

/** Whatever was thrown, as a problem. A cancelled request is none: it is passed on as it is. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) return unreachable();
  throw error;
}

export function isCancelled(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

function isProblem(body: unknown): body is ProblemBody {
  const told = body as Partial<ProblemBody> | null;
  return typeof told === 'object' && told !== null && typeof told.code === 'string' && typeof told.detail === 'string';
}
