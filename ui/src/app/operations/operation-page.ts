// Page of one operation: its steps as they go, until it has ended.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, effect, inject, input, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Operation } from '../api/archive';
import { Language } from '../language/language';
import { CopyButton } from '../problems/copy-button';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { REST } from '../uploads/courier';
import { toneOfState, toneOfStep } from './tone';
import { watch } from './watch';

@Component({
  selector: 'artstore-operation-page',
  imports: [CopyButton, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './operation-page.html',
})
export class OperationPage {
  /** The operation, from the address. */
  readonly operation_id = input.required<string>();

  private readonly archive = inject(Archive);
  private readonly rest = inject(REST);
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly shown = new Loading<Operation>();
  protected readonly toneOfStep = toneOfStep;
  protected readonly tone = computed(() => toneOfState(this.shown.value()?.state ?? 'running'));
  protected readonly title = computed(() => {
    const kind = this.shown.value()?.kind;
    return kind === undefined ? this.say('operation.title') : this.language.word('operation.kind', kind);
  });
  /** What it has made: nothing that failed or is being undone leads anywhere. */
  protected readonly document = computed(() => {
    const operation = this.shown.value();
    return operation?.state === 'succeeded' ? operation.document_id : null;
  });
  private isLeft = false;

  constructor() {
    inject(DestroyRef).onDestroy(() => {
      this.isLeft = true;
      this.shown.stop();
    });
    effect(() => {
      const id = this.operation_id();
      untracked(() => void this.watch(id));
    });
  }

  protected watch(id: string): Promise<void> {
    if (this.shown.value()?.operation_id !== id) this.shown.value.set(undefined);
    const ask = () => this.shown.load((signal) => this.archive.operation(id, signal));
    const isWanted = () => !this.isLeft && id === this.operation_id();
    return watch({ ask, shown: this.shown, rest: this.rest, isWanted });
  }
}
