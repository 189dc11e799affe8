// The queue of uploads: it lives as long as the tab, whatever page is shown, and sends two files at a time.
import { Injectable, computed, effect, inject, signal, untracked } from '@angular/core';
import { asProblem, isCancelled } from '../api/problem';
import { Courier, type Errand } from './courier';
import { UnfinishedUploads, isSameFile, type Unfinished } from './unfinished';
import { begun, canPause, canRemove, changed, isBusy, isOnlyHere, isOver, recalled, type Change, type Upload } from './upload';

const AT_ONCE = 2;

@Injectable({ providedIn: 'root' })
export class Uploads {
  private readonly courier = inject(Courier);
  private readonly errands = new Map<string, Errand>();
  private readonly left = inject(UnfinishedUploads);
  private readonly reins = new Map<string, AbortController>();
  private readonly kept = signal<readonly Upload[]>([]);

  readonly list = this.kept.asReadonly();
  readonly found = computed(() => this.kept().filter((upload) => upload.stage === 'found').length);
  readonly failed = computed(() => this.kept().filter((upload) => upload.stage === 'failed').length);
  readonly over = computed(() => this.kept().filter(isOver).length);
  readonly unfinished = computed(() => this.kept().filter((upload) => !isOver(upload)).length);
  readonly wouldBeLost = computed(() => this.kept().some(isOnlyHere));

  constructor() {
    effect(() => {
      const left = this.left.list();
      untracked(() => this.recall(left));
    });
  }

  /** A file that was left unfinished goes on; any other is a new one. */
  add(files: Iterable<File>): void {
    const added = [...files].filter((file) => !this.goesOn(file)).map((file) => {
      const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
      this.errands.set(id, { file, key: id });
      return begun(id, file.name, file.size, Date.now());
    });
    this.kept.update((list) => [...list, ...added]);
    this.begin();
  }

  pause(id: string): void {
    if (!this.has(id, canPause)) return;
    this.change(id, { stage: 'paused' });
    this.reins.get(id)?.abort();
    this.begin();
  }

  resume(id: string): void {
    if (!this.has(id, (upload) => upload.stage === 'paused')) return;
    this.change(id, { stage: 'waiting' });
    this.begin();
  }

  /** Begin anew what has failed: another request, another ticket. */
  retry(id: string): void {
    const errand = this.errands.get(id);
    if (errand === undefined || !this.has(id, (upload) => upload.stage === 'failed')) return;
    this.errands.set(id, { file: errand.file, key: `${errand.key}+` });
    this.change(id, { stage: 'waiting', operationId: undefined, documentId: undefined, step: 'accepted' });
    this.begin();
  }

  remove(id: string): void {
    if (!this.has(id, canRemove)) return;
    const left = this.leftOf(id);
    this.errands.delete(id);
    this.kept.update((list) => list.filter((upload) => upload.id !== id));
    if (left === undefined) return;
    this.left.drop(left.key);
    void this.courier.giveUp(left);
  }

  clear(): void {
    for (const upload of this.kept().filter(isOver)) this.remove(upload.id);
  }

  /** Show what a tab that is closed has left; rows of somebody else go. */
  private recall(left: readonly Unfinished[]): void {
    const isKnown = (key: string) => [...this.errands.values()].some((errand) => errand.key === key);
    const rows = left.filter(({ key }) => !isKnown(key)).map((one) => recalled(one.key, one.name, one.size, one.since));
    this.kept.update((list) => [...rows, ...list.filter(({ stage }) => stage !== 'interrupted')]);
  }

  private goesOn(file: File): boolean {
    const left = this.left.list().find((one) => isSameFile(one, file) && this.has(one.key, ({ stage }) => stage === 'interrupted'));
    if (left === undefined) return false;
    const { key, digest, url } = left;
    this.errands.set(key, { file, key, digest, url });
    this.change(key, { stage: 'waiting' });
    return true;
  }

  private leftOf(id: string): Unfinished | undefined {
    const key = this.errands.get(id)?.key ?? id;
    return this.left.list().find((one) => one.key === key);
  }

  private begin(): void {
    const free = AT_ONCE - this.kept().filter(isBusy).length;
    const waiting = this.kept().filter((upload) => upload.stage === 'waiting');
    for (const upload of waiting.slice(0, Math.max(free, 0))) void this.carry(upload.id);
  }

  private async carry(id: string): Promise<void> {
    const errand = this.errands.get(id);
    if (errand === undefined) return;
    const rein = new AbortController();
    this.reins.set(id, rein);
    // What a run that was paused still has to say is not heard any more.
    const tell = (change: Change) => rein.signal.aborted || this.change(id, change);
    tell({ stage: errand.digest === undefined ? 'reading' : 'announcing' });
    try {
      const ticketed = await this.courier.carry(errand, tell, rein.signal);
      this.left.drop(errand.key);
      tell({ stage: 'stored' });
      this.begin();
      await this.courier.follow(ticketed.operation_id, tell, rein.signal);
    } catch (error) {
      if (isCancelled(error)) return;
      const problem = asProblem(error).body;
      // Who has taken it over still needs what is known of it.
      if (problem.code !== 'upload_locked') this.left.drop(errand.key);
      tell({ stage: 'failed', problem });
    } finally {
      this.begin();
    }
  }

  private change(id: string, change: Change): void {
    this.kept.update((list) => list.map((one) => (one.id === id ? changed(one, change, Date.now()) : one)));
  }

  private has(id: string, what: (upload: Upload) => boolean): boolean {
    return this.kept().some((upload) => upload.id === id && what(upload));
  }
}
