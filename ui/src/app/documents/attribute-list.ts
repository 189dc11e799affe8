// The attributes of a document in words.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import type { Document } from '../api/archive';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-attribute-list',
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './attribute-list.html',
})
export class AttributeList {
  readonly document = input.required<Document>();
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly custom = computed(() => Object.entries(this.document().custom));
  protected readonly kept = computed(() => {
    const until = this.document().retention.until;
    return until === null ? this.say('document.forEver') : this.say('document.until', { date: this.language.date(until) });
  });
}
