// One hit of a search: title, file name, and the snippet with the words that were found.
import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Hit } from '../api/archive';
import { piecesOf } from './snippet';

@Component({
  selector: 'artstore-hit-row',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="text-break" data-row [routerLink]="['/documents', hit().document_id]"><bdi>{{ hit().title || hit().filename }}</bdi></a>
    @if (hit().title && hit().title !== hit().filename) {
      <div class="small text-body-secondary text-break" data-testid="hit-name"><bdi>{{ hit().filename }}</bdi></div>
    }
    @if (pieces().length > 0) {
      <p class="mb-0 text-break">
        <bdi>@for (piece of pieces(); track $index) {@if (piece.isHit) {<mark>{{ piece.text }}</mark>} @else {{{ piece.text }}}}</bdi>
      </p>
    }
  `,
})
export class HitRow {
  readonly hit = input.required<Hit>();
  protected readonly pieces = computed(() => piecesOf(this.hit().snippet));
}
