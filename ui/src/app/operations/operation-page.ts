// Page of one operation: its steps as they go, until it has ended.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, effect, inject, input, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Operation } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { REST } from '../uploads/courier';
import { hasEnded } from '../uploads/upload';

const AGAIN_MS = 1500;
const COLOURS: Record<Operation['state'], string> = {
  running: 'text-bg-primary',
  compensating: 'text-bg-warning',
  succeeded: 'text-bg-success',
  failed: 'text-bg-danger',
  suspended: 'text-bg-warning',
};

@Component({
  selector: 'artstore-operation-page',
  imports: [ProblemPanel, RouterLink],
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
  protected readonly colour = computed(() => COLOURS[this.shown.value()?.state ?? 'running']);
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

  /** Ask again and again until it has ended; a part that is away meanwhile is told, and asked again. */
  protected async watch(id: string): Promise<void> {
    while (!this.isLeft && id === this.operation_id()) {
      await this.shown.load((signal) => this.archive.operation(id, signal));
      const operation = this.shown.value();
      const problem = this.shown.problem();
      if (problem !== undefined && problem.status !== 0 && problem.status !== 503) return;
      if (problem === undefined && operation !== undefined && hasEnded(operation)) return;
      await this.rest(AGAIN_MS);
    }
  }
}
