// One document in the list.
import { ChangeDetectionStrategy, Component, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Document } from '../api/archive';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-document-row',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="rows-link" data-row [routerLink]="['/documents', document().document_id]">
      <span class="d-flex gap-2">
        <bdi class="text-truncate fw-semibold">{{ document().title || document().filename }}</bdi>
        @if (document().mode; as mode) {
          <span class="badge text-bg-secondary align-self-center ms-auto">{{ mode }}</span>
        }
      </span>
      <span class="d-flex gap-3 small text-body-secondary">
        <bdi class="text-truncate">{{ document().filename }}</bdi>
        <span class="text-nowrap ms-auto">{{ language.size(document().size) }}</span>
        <span class="text-nowrap d-none d-md-inline">{{ language.date(document().created_at) }}</span>
      </span>
    </a>
  `,
})
export class DocumentRow {
  readonly document = input.required<Document>();
  protected readonly language = inject(Language);
}
