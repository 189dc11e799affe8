// Page of uploads: where files are dropped, and the queue.
import { ChangeDetectionStrategy, Component, computed, inject, signal } from '@angular/core';
import { Language } from '../language/language';
import { UploadRow } from './upload-row';
import type { Stage } from './upload';
import { Uploads } from './uploads';

@Component({
  selector: 'artstore-uploads-page',
  imports: [UploadRow],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './uploads-page.html',
})
export class UploadsPage {
  protected readonly uploads = inject(Uploads);
  protected readonly say = inject(Language).say;
  protected readonly isOver = signal(false);
  protected readonly total = computed(() => ({ found: this.uploads.found(), all: this.uploads.list().length }));
  protected readonly hasPaused = computed(() => this.hasAny('paused'));
  protected readonly hasInterrupted = computed(() => this.hasAny('interrupted'));

  private hasAny(stage: Stage): boolean {
    return this.uploads.list().some((upload) => upload.stage === stage);
  }

  protected drag(event: DragEvent, over: boolean): void {
    event.preventDefault();
    this.isOver.set(over);
  }

  protected drop(event: DragEvent): void {
    this.drag(event, false);
    this.uploads.add(event.dataTransfer?.files ?? []);
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    this.uploads.add(input.files ?? []);
    // So that the same file can be chosen again.
    input.value = '';
  }
}
