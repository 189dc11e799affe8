// Page of searching: what is typed is looked for at once, and stands in the address.
import { ChangeDetectionStrategy, Component, effect, inject, input, signal, untracked } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
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
  imports: [HitRow, ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './search-page.html',
})
export class SearchPage {
  /** The words, from the query of the address. */
  readonly q = input<string>();

  private readonly archive = inject(Archive);
  private readonly router = inject(Router);
  private readonly typing = new Subject<string>();
  protected readonly say = inject(Language).say;
  protected readonly found = new Loading<Hits>();
  protected readonly words = signal('');

  constructor() {
    this.typing.pipe(debounceTime(PAUSE_MS), takeUntilDestroyed()).subscribe((words) => void this.address(words));
    effect(() => {
      const words = this.q() ?? '';
      untracked(() => void this.search(words));
    });
  }

  protected type(event: Event): void {
    this.typing.next((event.target as HTMLInputElement).value);
  }

  protected async search(words: string): Promise<void> {
    this.words.set(words.trim());
    if (this.words() === '') {
      this.found.stop();
      this.found.value.set(undefined);
      return;
    }
    await this.found.load((signal) => this.archive.search(this.words(), undefined, signal));
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
