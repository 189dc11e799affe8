// One document in the list.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Document } from '../api/archive';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-document-row',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="rows-link" data-row [routerLink]="['/documents', document().document_id]">
      <span class="d-flex gap-3 align-items-center">
        <bdi class="text-truncate fw-semibold" [title]="document().title || document().filename">{{ document().title || document().filename }}</bdi>
        @if (document().integrity.state === 'damaged') {
          <span class="pill flex-shrink-0" data-tone="bad" data-testid="row-damaged">{{ language.say('documents.damaged') }}</span>
        }
        @if (document().mode; as mode) {
          <span class="tag flex-shrink-0 ms-auto" [title]="language.word('elements.mode', mode)">{{ mode }}</span>
        }
      </span>
      <span class="d-flex gap-3 small text-body-secondary number">
        <bdi class="text-truncate me-auto" data-testid="row-name">{{ second() }}</bdi>
        <span class="rows-when text-nowrap d-none d-md-inline">{{ language.dateBriefly(document().created_at) }}</span>
        <span class="rows-size text-nowrap">{{ language.size(document().size) }}</span>
      </span>
    </a>
  `,
})
export class DocumentRow {
  readonly document = input.required<Document>();
  protected readonly language = inject(Language);
  /** The name of the file under a title; where that is the title itself, the type of what is in it. */
  protected readonly second = computed(() => {
    const { title, filename, media_type } = this.document();
    return title !== '' && title !== filename ? filename : media_type;
  });
}
