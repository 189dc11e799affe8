// Page of the documents that are damaged now, the newest damage first.
import { ChangeDetectionStrategy, Component, DestroyRef, inject } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Damages } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { DamageRow } from './damage-row';

@Component({
  selector: 'artstore-damages-page',
  imports: [DamageRow, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './damages-page.html',
})
export class DamagesPage {
  private readonly archive = inject(Archive);
  protected readonly say = inject(Language).say;
  protected readonly damages = new Loading<Damages>();

  constructor() {
    inject(DestroyRef).onDestroy(() => this.damages.stop());
    void this.load();
  }

  protected async load(): Promise<void> {
    await this.damages.load((signal) => this.archive.damages(undefined, signal));
  }

  protected async more(shown: Damages): Promise<void> {
    await this.damages.load(async (signal) => {
      const page = await this.archive.damages(shown.next_cursor ?? undefined, signal);
      return { ...page, items: [...shown.items, ...page.items] };
    });
  }
}
