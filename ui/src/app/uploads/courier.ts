// The way of one file into the archive: read, announced, sent, followed until it is found.
import { Injectable, InjectionToken, inject } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { filter, firstValueFrom } from 'rxjs';
import { Archive, type Ticketed } from '../api/archive';
import { Problem, isCancelled, local, unreachable } from '../api/problem';
import { Session } from '../session/session';
import { digestOf } from './digest';
import { SEND } from './sender';
import { hasEnded, toldBy, type Change } from './upload';

/** What is carried. The key stays the same when the same request is repeated; so does the ticket while it is good. */
export interface Errand {
  readonly file: File;
  key: string;
  digest?: string;
  ticketed?: Ticketed;
}

export type Tell = (change: Change) => void;

/** Wait so many milliseconds; tests need not. */
export const REST = new InjectionToken<(ms: number) => Promise<void>>('rest', {
  factory: () => (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});

const REST_MS = 1000;
const REST_MS_MAX = 8000;

@Injectable({ providedIn: 'root' })
export class Courier {
  private readonly archive = inject(Archive);
  private readonly session = inject(Session);
  private readonly send = inject(SEND);
  private readonly rest = inject(REST);
  private readonly signedIn = toObservable(this.session.isSignedIn);

  /** Bring the bytes to the agent; return when they are committed. Problem for a refusal, AbortError when paused. */
  async carry(errand: Errand, tell: Tell, signal: AbortSignal): Promise<Ticketed> {
    if (errand.digest === undefined) {
      tell({ stage: 'reading' });
      errand.digest = await read(errand.file, (done) => tell({ done }), signal);
    }
    return this.patiently(tell, signal, async () => {
      const ticketed = (errand.ticketed ??= await this.announced(errand, tell, signal));
      tell({ stage: 'sending', operationId: ticketed.operation_id, documentId: ticketed.document_id });
      await this.send({ ticketed, body: errand.file, tell: (done) => tell({ done, lost: false }), signal });
      return ticketed;
    });
  }

  /** Tell of the operation until it has ended, whoever is away meanwhile. */
  async follow(operationId: string, tell: Tell, signal: AbortSignal): Promise<void> {
    for (let ended = false; !ended; ) {
      ended = await this.patiently(tell, signal, () => this.followed(operationId, tell, signal));
      if (!ended) await this.rest(REST_MS);
    }
  }

  private announced(errand: Errand, tell: Tell, signal: AbortSignal): Promise<Ticketed> {
    tell({ stage: 'announcing' });
    const { file, digest, key } = errand;
    const body = { filename: file.name, size: file.size, sha256: digest, media_type: file.type || undefined };
    return this.archive.announce({ tags: [], custom: {}, retention_class: 'permanent', ...body }, key, signal);
  }

  private async followed(operationId: string, tell: Tell, signal: AbortSignal): Promise<boolean> {
    for await (const operation of this.archive.follow(operationId, signal)) {
      tell(toldBy(operation));
      if (hasEnded(operation)) return true;
    }
    return false;
  }

  /** Try again what may pass, and wait for who must sign in; every other problem ends it. */
  private async patiently<T>(tell: Tell, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    for (let rest = REST_MS; ; rest = Math.min(rest * 2, REST_MS_MAX)) {
      try {
        return await attempt();
      } catch (error) {
        const mustSignIn = asPassing(error).code === 'unauthenticated';
        // Who has to sign in has been answered: that is no silence.
        tell({ lost: !mustSignIn });
        await (mustSignIn ? this.signedInAgain() : this.rest(rest));
        signal.throwIfAborted();
      }
    }
  }

  private async signedInAgain(): Promise<void> {
    await firstValueFrom(this.signedIn.pipe(filter((is) => is)));
  }
}

function asPassing(error: unknown): Problem {
  if (isCancelled(error)) throw error;
  // A stream that breaks says so with a TypeError.
  const problem = error instanceof TypeError ? unreachable() : error;
  if (problem instanceof Problem && (problem.mayPass || problem.code === 'unauthenticated')) return problem;
  throw error;
}

async function read(file: File, tell: (done: number) => void, signal: AbortSignal): Promise<string> {
  try {
    return await digestOf(file, tell, signal);
  } catch (error) {
    if (isCancelled(error)) throw error;
    throw local('file_unreadable', 'The file cannot be read', String(error));
  }
}
