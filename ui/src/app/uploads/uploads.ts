// The queue of uploads: it lives as long as the tab, whatever page is shown, and sends two files at a time.
import { Injectable, computed, inject, signal } from '@angular/core';
import { asProblem, isCancelled } from '../api/problem';
import { Courier, type Errand } from './courier';
import { begun, canPause, canRemove, changed, isBusy, isOnlyHere, isOver, type Change, type Upload } from './upload';

const AT_ONCE = 2;

@Injectable({ providedIn: 'root' })
export class Uploads {
  private readonly courier = inject(Courier);
  private readonly errands = new Map<string, Errand>();
  private readonly reins = new Map<string, AbortController>();
  private readonly kept = signal<readonly Upload[]>([]);

  readonly list = this.kept.asReadonly();
  readonly found = computed(() => this.kept().filter((upload) => upload.stage === 'found').length);
  readonly failed = computed(() => this.kept().filter((upload) => upload.stage === 'failed').length);
  readonly over = computed(() => this.kept().filter(isOver).length);
  readonly unfinished = computed(() => this.kept().filter((upload) => !isOver(upload)).length);
  readonly wouldBeLost = computed(() => this.kept().some(isOnlyHere));

  add(files: Iterable<File>): void {
    const added = [...files].map((file) => {
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
    this.errands.delete(id);
    this.kept.update((list) => list.filter((upload) => upload.id !== id));
  }

  clear(): void {
    for (const upload of this.kept().filter(isOver)) this.remove(upload.id);
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
      tell({ stage: 'stored' });
      this.begin();
      await this.courier.follow(ticketed.operation_id, tell, rein.signal);
    } catch (error) {
      if (!isCancelled(error)) tell({ stage: 'failed', problem: asProblem(error).body });
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
