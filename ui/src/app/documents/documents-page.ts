// Page of all documents, newest first: any number of them, of which the page holds what is seen.
import {
  ChangeDetectionStrategy,
  Component,
  DestroyRef,
  ElementRef,
  afterNextRender,
  computed,
  inject,
  signal,
  viewChild,
} from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Documents } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { DocumentRow } from './document-row';
import { rowsSeen } from './rows';

const ROW_PIXELS = 64;
const AHEAD = 50;

@Component({
  selector: 'artstore-documents-page',
  imports: [DocumentRow, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './documents-page.html',
})
export class DocumentsPage {
  private readonly archive = inject(Archive);
  protected readonly say = inject(Language).say;
  protected readonly loading = new Loading<Documents>();
  protected readonly row = ROW_PIXELS;

  private readonly box = viewChild<ElementRef<HTMLElement>>('box');
  private readonly place = signal({ top: 0, height: 800 });
  protected readonly items = computed(() => this.loading.value()?.items ?? []);
  private readonly seen = computed(() =>
    rowsSeen(this.place().top, this.place().height, ROW_PIXELS, this.items().length),
  );
  protected readonly shown = computed(() => {
    const { from, to } = this.seen();
    return this.items().slice(from, to).map((document, at) => ({ document, at: from + at }));
  });

  constructor() {
    const left = inject(DestroyRef);
    left.onDestroy(() => this.loading.stop());
    afterNextRender(() => {
      const box = this.box()?.nativeElement;
      if (box === undefined) return;
      const sized = new ResizeObserver(() => this.scroll());
      sized.observe(box);
      left.onDestroy(() => sized.disconnect());
    });
    void this.load();
  }

  protected scroll(): void {
    const box = this.box()?.nativeElement;
    if (box === undefined) return;
    this.place.set({ top: box.scrollTop, height: box.clientHeight });
    if (this.seen().to > this.items().length - AHEAD) void this.more();
  }

  protected async load(): Promise<void> {
    const shown = this.loading.value();
    await this.loading.load((signal) => this.next(shown, signal));
  }

  private async more(): Promise<void> {
    const ends = this.loading.value()?.next_cursor === null;
    if (!ends && !this.loading.isOn() && this.loading.problem() === undefined) await this.load();
  }

  private async next(shown: Documents | undefined, signal: AbortSignal): Promise<Documents> {
    const page = await this.archive.documents(shown?.next_cursor ?? undefined, signal);
    return { ...page, items: [...(shown?.items ?? []), ...page.items] };
  }
}
