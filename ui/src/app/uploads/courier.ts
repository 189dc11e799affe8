// The way of one file into the archive: read, announced, sent, followed until it is found.
import { Injectable, InjectionToken, inject } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import { filter, firstValueFrom } from 'rxjs';
import { Archive, type Announcement, type Ticketed } from '../api/archive';
import { Problem, isCancelled, unreachable } from '../api/problem';
import { Reach } from '../api/reach';
import { Session } from '../session/session';
import { digestOf } from './digest';
import { unreadable, type Place } from './parcel';
import { giveUp } from './resumable';
import { SEND } from './sender';
import { UnfinishedUploads, type Unfinished } from './unfinished';
import { hasEnded, toldBy, type Change } from './upload';

/**
 * What is carried. The key stays the same when the same request is repeated; so does the ticket while it is good. `url`:
 * where the agent keeps what it has of a large file.
 */
export interface Errand {
  readonly file: File;
  key: string;
  digest?: string;
  ticketed?: Ticketed;
  url?: string;
}

export type Tell = (change: Change) => void;

/** Wait so many milliseconds; tests need not. */
export const REST = new InjectionToken<(ms: number) => Promise<void>>('rest', {
  factory: () => (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
});

/** An agent takes these tickets no longer: the gateway gives another one for the same upload. */
const SPENT: readonly string[] = ['invalid_ticket', 'stale_epoch'];
const REST_MS = 1000;
const REST_MS_MAX = 8000;

@Injectable({ providedIn: 'root' })
export class Courier {
  private readonly archive = inject(Archive);
  private readonly session = inject(Session);
  private readonly send = inject(SEND);
  private readonly rest = inject(REST);
  private readonly reach = inject(Reach);
  private readonly unfinished = inject(UnfinishedUploads);
  private readonly signedIn = toObservable(this.session.isSignedIn);

  /** Bring the bytes to the agent; return when they are committed. Problem for a refusal, AbortError when paused. */
  async carry(errand: Errand, tell: Tell, signal: AbortSignal): Promise<Ticketed> {
    if (errand.digest === undefined) {
      tell({ stage: 'reading' });
      errand.digest = await read(errand.file, (done) => tell({ done }), signal);
    }
    return this.patiently(tell, signal, async () => {
      try {
        return await this.sent(errand, tell, signal);
      } catch (error) {
        if (!isSpent(error)) throw error;
        errand.ticketed = undefined;
        return this.sent(errand, tell, signal);
      }
    });
  }

  /** Tell the agent that nothing more comes of this file; whether it hears it does not matter. */
  async giveUp(left: Pick<Unfinished, 'key' | 'name' | 'size' | 'type' | 'digest' | 'url'>): Promise<void> {
    try {
      const { ticket } = await this.archive.announce(announcement(left, left.digest), left.key);
      await giveUp(left.url, ticket, this.reach);
    } catch (error) {
      // What nobody goes on with is swept away by the agent in its time.
      if (!(error instanceof Problem)) throw error;
    }
  }

  private async sent(errand: Errand, tell: Tell, signal: AbortSignal): Promise<Ticketed> {
    const ticketed = (errand.ticketed ??= await this.announced(errand, tell, signal));
    tell({ stage: 'sending', operationId: ticketed.operation_id, documentId: ticketed.document_id });
    const place = this.placeOf(errand, tell);
    await this.send({ ticketed, body: errand.file, place, tell: (done) => tell({ done, lost: false }), signal });
    return ticketed;
  }

  private placeOf(errand: Errand, tell: Tell): Place {
    const { key, file, digest = '' } = errand;
    const { name, size, type, lastModified: modified } = file;
    return {
      url: () => errand.url,
      found: (url) => {
        errand.url = url;
        this.unfinished.keep({ key, name, size, type, modified, digest, url });
      },
      begins: (from) => tell({ done: from, from, lost: false }),
    };
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
    return this.archive.announce(announcement(errand.file, errand.digest), errand.key, signal);
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

function announcement({ name, size, type }: Pick<File, 'name' | 'size' | 'type'>, digest: string | undefined): Announcement {
  const body = { filename: name, size, sha256: digest, media_type: type || undefined };
  return { tags: [], custom: {}, retention_class: 'permanent', ...body };
}

function isSpent(error: unknown): boolean {
  return error instanceof Problem && SPENT.includes(error.code);
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
    throw unreadable(error);
  }
}
