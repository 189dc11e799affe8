// One damaged document in the list.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Damage } from '../api/archive';
import { wrongWith } from '../documents/damage';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-damage-row',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a data-row [routerLink]="['/documents', damage().document_id]" data-testid="damage-row"><bdi class="text-break">{{ name() }}</bdi></a>
    <p class="mb-0" data-testid="damage-row-what">{{ what() }}</p>
    <p class="small text-body-secondary number mb-0">
      <time [attr.datetime]="damage().found_at">{{ language.dateBriefly(damage().found_at) }}</time>
      · <bdi>{{ damage().element_name ?? damage().element_id }}</bdi>
      · {{ language.say('document.version') }} {{ damage().version }}
    </p>
  `,
})
export class DamageRow {
  readonly damage = input.required<Damage>();
  protected readonly language = inject(Language);
  protected readonly name = computed(() => this.damage().title || this.damage().filename || this.damage().document_id);
  protected readonly what = computed(() => wrongWith(this.language, this.damage()));
}
