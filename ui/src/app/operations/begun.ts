// The operations that were begun in this tab: remembered with it through reloads, for whoever began them, and no longer.
import { Injectable, computed, effect, inject, signal, untracked } from '@angular/core';
import { Session } from '../session/session';
import { Uploads } from '../uploads/uploads';

export interface BegunOperation {
  readonly id: string;
  readonly name: string;
  readonly login: string;
}

const KEY = 'artstore.operations';
export const REMEMBERED_MAX = 50;

@Injectable({ providedIn: 'root' })
export class Begun {
  private readonly session = inject(Session);
  private readonly uploads = inject(Uploads);
  private readonly kept = signal(readBegun(sessionStorage.getItem(KEY)));
  /** Noted before, and not again when it is no longer kept: the queue may be longer than what is remembered. */
  private readonly noted = new Set(this.kept().map(({ id }) => id));

  /** Newest first; of the person who is signed in. */
  readonly list = computed(() => this.kept().filter(({ login }) => login === this.session.bearer()?.login));

  constructor() {
    effect(() => {
      const login = this.session.bearer()?.login;
      const begun = this.uploads.list().flatMap(({ operationId: id, name }) => (id === undefined || login === undefined ? [] : [{ id, name, login }]));
      untracked(() => this.note(begun));
    });
  }

  /** The person leaves: names of files do not wait for the next one. */
  forget(): void {
    this.keep([]);
  }

  private note(begun: readonly BegunOperation[]): void {
    const fresh = begun.filter(({ id }) => !this.noted.has(id)).reverse();
    if (fresh.length === 0) return;
    for (const { id } of fresh) this.noted.add(id);
    this.keep([...fresh, ...this.kept()].slice(0, REMEMBERED_MAX));
  }

  private keep(list: readonly BegunOperation[]): void {
    sessionStorage.setItem(KEY, JSON.stringify(list));
    this.kept.set(list);
  }
}

/** What was remembered; nothing of what is no such list. */
export function readBegun(text: string | null): readonly BegunOperation[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? found.filter(isBegun) : [];
  } catch {
    return [];
  }
}

function isBegun(value: unknown): value is BegunOperation {
  const one = value as Record<keyof BegunOperation, unknown> | null;
  return typeof one === 'object' && one !== null && [one.id, one.name, one.login].every((field) => typeof field === 'string');
}
