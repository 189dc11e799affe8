// Large uploads that this browser has begun and not seen through: known after the tab is closed, for whoever began them.
import { Injectable, computed, inject, signal } from '@angular/core';
import { Session } from '../session/session';

/** A file by what a browser tells of it, where the agent keeps its bytes, and since when (ms). No byte of it is here. */
export interface Unfinished {
  readonly key: string;
  readonly login: string;
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly modified: number;
  readonly digest: string;
  readonly url: string;
  readonly since: number;
}

type Chosen = Pick<File, 'name' | 'size' | 'lastModified'>;

const KEY = 'artstore.uploads';
const KEPT_MAX = 50;
/** As long as an archive, as it comes, waits for the last byte. */
const KEPT_MS = 2 * 24 * 3600 * 1000;

@Injectable({ providedIn: 'root' })
export class UnfinishedUploads {
  private readonly session = inject(Session);
  private readonly kept = signal(readUnfinished(localStorage.getItem(KEY), Date.now()));

  /** Of the person who is signed in, the newest first. */
  readonly list = computed(() => this.kept().filter(({ login }) => login === this.session.bearer()?.login));

  constructor() {
    // Another tab has seen one of them through, or given it up.
    addEventListener('storage', ({ key }) => key === KEY && this.letGo(this.stored()));
  }

  keep(upload: Omit<Unfinished, 'login' | 'since'>): void {
    const login = this.session.bearer()?.login;
    if (login === undefined) return;
    const others = this.stored().filter(({ key }) => key !== upload.key);
    this.store([{ ...upload, login, since: Date.now() }, ...others].slice(0, KEPT_MAX));
  }

  drop(key: string): void {
    const stored = this.stored();
    if (stored.some((one) => one.key === key)) this.store(stored.filter((one) => one.key !== key));
  }

  /** The person leaves: names of files do not wait for the next one. */
  forget(): void {
    this.store([]);
  }

  private letGo(stored: readonly Unfinished[]): void {
    const keys = new Set(stored.map(({ key }) => key));
    this.kept.update((kept) => kept.filter(({ key }) => keys.has(key)));
  }

  // Other tabs write here as well: what they have kept is not written over.
  private stored(): readonly Unfinished[] {
    return readUnfinished(localStorage.getItem(KEY), Date.now());
  }

  private store(list: readonly Unfinished[]): void {
    localStorage.setItem(KEY, JSON.stringify(list));
    this.kept.set(list);
  }
}

/** Whether a chosen file is the one that was begun, by what a browser tells without reading it. */
export function isSameFile({ name, size, modified }: Pick<Unfinished, 'name' | 'size' | 'modified'>, chosen: Chosen): boolean {
  return name === chosen.name && size === chosen.size && modified === chosen.lastModified;
}

/** What was remembered and is still waited for; nothing of what is no such list. */
export function readUnfinished(text: string | null, now: number): readonly Unfinished[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? found.filter((one) => isUnfinished(one) && now - one.since < KEPT_MS) : [];
  } catch {
    return [];
  }
}

function isUnfinished(value: unknown): value is Unfinished {
  const one = value as Record<keyof Unfinished, unknown> | null;
  if (typeof one !== 'object' || one === null) return false;
  const texts = [one.key, one.login, one.name, one.type, one.digest, one.url].every((field) => typeof field === 'string');
  return texts && [one.size, one.modified, one.since].every((field) => typeof field === 'number');
}
