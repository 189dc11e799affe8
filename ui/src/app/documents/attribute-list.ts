// The attributes of a document in words.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import type { Document } from '../api/archive';
import { Language } from '../language/language';
import { CopyButton } from '../problems/copy-button';

@Component({
  selector: 'artstore-attribute-list',
  imports: [CopyButton, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './attribute-list.html',
})
export class AttributeList {
  readonly document = input.required<Document>();
  /** The name of its element, where that is known. */
  readonly element = input<string>();
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly isChanged = computed(() => this.document().updated_at !== this.document().created_at);
  protected readonly custom = computed(() => Object.entries(this.document().custom).map(([name, value]) => [name, this.said(value)] as const));
  protected readonly kept = computed(() => {
    const { until, class: name } = this.document().retention;
    const known = this.language.word('retention', name);
    return until === null ? known : `${this.say('document.until', { date: this.language.day(until) })} (${known})`;
  });

  private said(value: string | number | boolean): string {
    return typeof value === 'boolean' ? this.say(value ? 'app.yes' : 'app.no') : String(value);
  }
}
