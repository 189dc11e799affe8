// Page of searching: what is typed is looked for at once, and stands in the address.
import { ChangeDetectionStrategy, Component, DestroyRef, ElementRef, effect, inject, input, signal, untracked, viewChild } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { FormsModule } from '@angular/forms';
import { Router } from '@angular/router';
import { Subject, debounceTime } from 'rxjs';
import { Archive, type Hits } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { HitRow } from './hit-row';

const PAUSE_MS = 200;

@Component({
  selector: 'artstore-search-page',
  imports: [FormsModule, HitRow, ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './search-page.html',
})
export class SearchPage {
  /** The words, from the query of the address. */
  readonly q = input<string>();

  private readonly archive = inject(Archive);
  private readonly router = inject(Router);
  private readonly typing = new Subject<string>();
  private readonly field = viewChild.required<ElementRef<HTMLInputElement>>('field');
  protected readonly say = inject(Language).say;
  protected readonly found = new Loading<Hits>();
  protected readonly words = signal('');

  constructor() {
    inject(DestroyRef).onDestroy(() => this.found.stop());
    this.typing.pipe(debounceTime(PAUSE_MS), takeUntilDestroyed()).subscribe((words) => void this.address(words));
    effect(() => {
      const words = this.q() ?? '';
      untracked(() => void this.search(words));
    });
  }

  protected type(event: Event): void {
    this.typing.next((event.target as HTMLInputElement).value);
  }

  /** Enter does not wait for the pause. */
  protected now(): void {
    void this.address(this.field().nativeElement.value);
  }

  /** From the field down into what was found; `j` and `k` lead on. */
  protected toHits(event: Event): void {
    const first = document.querySelector<HTMLElement>('main [data-row]');
    if (first === null) return;
    event.preventDefault();
    first.focus();
  }

  protected async search(words: string): Promise<void> {
    const isAnother = words.trim() !== this.words();
    this.words.set(words.trim());
    if (this.words() === '') {
      this.found.stop();
      this.found.value.set(undefined);
      this.found.problem.set(undefined);
      return;
    }
    await this.found.load((signal) => this.archive.search(this.words(), undefined, signal));
    // What other words have found does not stand under these.
    if (isAnother && this.found.problem() !== undefined) this.found.value.set(undefined);
  }

  protected async more(shown: Hits): Promise<void> {
    await this.found.load(async (signal) => {
      const next = await this.archive.search(this.words(), shown.next_cursor ?? undefined, signal);
      return { ...next, items: [...shown.items, ...next.items] };
    });
  }

  private address(words: string): Promise<boolean> {
    return this.router.navigate([], { queryParams: { q: words || null }, replaceUrl: true });
  }
}
