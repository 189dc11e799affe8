// One operation in the list: what it is, and where it stands now.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, inject, input, type OnInit } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Operation } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import type { BegunOperation } from './begun';
import { toneOfState } from './tone';
import { REST } from '../uploads/courier';
import { watch } from './watch';

@Component({
  selector: 'artstore-operation-row',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="d-flex flex-wrap gap-2 align-items-center">
      <a class="text-break me-auto min-width-0" data-row [routerLink]="['/operations', begun().id]"><bdi>{{ begun().name }}</bdi></a>
      @if (shown.value(); as operation) {
        <span class="pill" [attr.data-tone]="tone()" data-testid="operation-state">{{ say(\`operation.state.\${operation.state}\`) }}</span>
      } @else if (shown.problem(); as problem) {
        <span class="pill" data-tone="still" data-testid="operation-state">{{ language.word('problem', problem.code) }}</span>
      }
    </div>
    @if (shown.value(); as operation) {
      <div class="small text-body-secondary">{{ language.word('operation.kind', operation.kind) }} · {{ language.date(operation.started_at) }}</div>
    }
  `,
})
export class OperationRow implements OnInit {
  readonly begun = input.required<BegunOperation>();

  private readonly archive = inject(Archive);
  private readonly rest = inject(REST);
  private readonly left = inject(DestroyRef);
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly shown = new Loading<Operation>();
  protected readonly tone = computed(() => toneOfState(this.shown.value()?.state ?? 'running'));
  private isLeft = false;

  ngOnInit(): void {
    this.left.onDestroy(() => {
      this.isLeft = true;
      this.shown.stop();
    });
    const { id } = this.begun();
    const ask = () => this.shown.load((signal) => this.archive.operation(id, signal));
    void watch({ ask, shown: this.shown, rest: this.rest, isWanted: () => !this.isLeft });
  }
}
