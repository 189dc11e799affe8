// What is handed to the sender, and what it says when the agent did not take it.
import type { Ticketed } from '../api/archive';
import { local, problemOf, type Problem } from '../api/problem';
import type { Reach } from '../api/reach';

/** Where the agent keeps what it has of a large file: `url`, if that is known; `begins` is told how much that is. */
export interface Place {
  readonly url: () => string | undefined;
  readonly found: (url: string) => void;
  readonly begins: (offset: number) => void;
}

export interface Parcel {
  readonly ticketed: Ticketed;
  readonly body: Blob;
  readonly place: Place;
  readonly tell: (sent: number) => void;
  readonly signal: AbortSignal;
}

export type Send = (parcel: Parcel) => Promise<void>;

/** What the agent has said no with. */
export function refusal(text: string, status: number): Problem {
  return problemOf(parsed(text), status);
}

/** Why there was no answer: a browser breaks off as well when the file is no longer what was chosen. */
export async function silence(body: Blob, address: string, reach: Reach): Promise<Problem> {
  try {
    await body.slice(0, 1).arrayBuffer();
  } catch (error) {
    return unreadable(error);
  }
  return reach.whyNot(address);
}

export function unreadable(error: unknown): Problem {
  return local('file_unreadable', 'The file cannot be read', String(error));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
