// Page of the storage elements: mode, room, and when each was last heard of.
import { ChangeDetectionStrategy, Component, DestroyRef, inject } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Element } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { ElementCard } from './element-card';

const AGAIN_MS = 5000;

@Component({
  selector: 'artstore-elements-page',
  imports: [ElementCard, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './elements-page.html',
})
export class ElementsPage {
  private readonly archive = inject(Archive);
  protected readonly say = inject(Language).say;
  protected readonly elements = new Loading<Element[]>();

  constructor() {
    const again = setInterval(() => void this.load(), AGAIN_MS);
    inject(DestroyRef).onDestroy(() => {
      clearInterval(again);
      this.elements.stop();
    });
    void this.load();
  }

  protected async load(): Promise<void> {
    await this.elements.load((signal) => this.archive.elements(signal));
  }
}
