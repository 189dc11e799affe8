// What is wrong with a damaged document, since when, and what to do about it.
import { ChangeDetectionStrategy, Component, computed, inject, input, output } from '@angular/core';
import type { Integrity } from '../api/archive';
import { Language } from '../language/language';
import { wrongWith } from './damage';

@Component({
  selector: 'artstore-damage',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="message" data-tone="bad" role="alert" data-testid="damage">
      <p class="message-title">{{ say('damage.title') }}</p>
      <p class="mb-1" data-testid="damage-what">{{ what() }}</p>
      <p class="mb-1" data-testid="damage-since">{{ since() }}</p>
      <p class="mb-1">{{ say('damage.help') }}</p>
      @for (name of integrity().quarantined; track name) {
        <p class="small text-body-secondary mb-1">{{ say('damage.quarantine') }} <code class="text-break" data-testid="quarantined"><bdi>{{ name }}</bdi></code></p>
      }
      <button type="button" class="btn btn-sm btn-outline-primary mt-2" data-testid="look-again" [disabled]="isLooking()" (click)="again.emit()">{{ say('damage.again') }}</button>
    </div>
  `,
})
export class DamageMessage {
  readonly integrity = input.required<Integrity>();
  /** Whether the element is being asked right now. */
  readonly isLooking = input(false);
  /** The reader asks for the element to look again. */
  readonly again = output();

  private readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly what = computed(() => wrongWith(this.language, this.integrity()));
  protected readonly since = computed(() => {
    const { found_at, found_by } = this.integrity();
    if (!found_at) return '';
    return this.say('damage.since', { when: this.language.dateBriefly(found_at), who: this.language.word('damage.by', found_by ?? '') });
  });
}
