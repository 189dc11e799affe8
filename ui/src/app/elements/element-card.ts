// One storage element: whether it is there, what it may do, how full it is, and whether what it holds is whole.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import { NgbProgressbar } from '@ng-bootstrap/ng-bootstrap';
import type { Element } from '../api/archive';
import { Language } from '../language/language';
import { roomOf } from './room';

@Component({
  selector: 'artstore-element-card',
  imports: [NgbProgressbar, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="panel h-100" data-row tabindex="-1" data-testid="element">
      <div class="d-flex align-items-start gap-2 mb-1">
        <h2 class="h6 fw-semibold mb-0 text-break me-auto"><bdi>{{ element().name }}</bdi></h2>
        <span class="pill" [attr.data-tone]="isOnline() ? 'good' : 'bad'" data-testid="element-state">{{ say(isOnline() ? 'elements.online' : 'elements.offline') }}</span>
      </div>
      <p class="mb-2">{{ language.word('elements.mode', element().mode) }}</p>
      @if (room(); as told) {
        <ngb-progressbar class="progress-thin mb-1" [type]="told.colour" [value]="told.percent" [ariaLabel]="element().name" />
        <p class="small number mb-2" data-testid="room">{{ say('elements.free', told) }}</p>
      } @else {
        <p class="small text-body-secondary mb-2" data-testid="room">{{ say('elements.noRoom') }}</p>
      }
      @if (element().damaged) {
        <p class="mb-2"><a class="pill" data-tone="bad" routerLink="/damages" data-testid="element-damaged">{{ say('elements.damaged', { count: element().damaged! }) }}</a></p>
      }
      @if (walk(); as told) {
        <ngb-progressbar class="progress-thin mb-1" [value]="told.done" [ariaLabel]="say('elements.scrub', told)" />
        <p class="small number mb-0" data-testid="scrub">{{ say('elements.scrub', told) }}</p>
      }
      <p class="small text-body-secondary mb-0" data-testid="last-pass">{{ lastPass() }}</p>
      <p class="small text-body-secondary mb-0" data-testid="seen">{{ seen() }}</p>
      <p class="small text-body-secondary mb-0"><code class="text-break">{{ element().element_id }}</code></p>
    </div>
  `,
})
export class ElementCard {
  readonly element = input.required<Element>();
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly isOnline = computed(() => this.element().state === 'online');
  protected readonly room = computed(() => {
    const capacity = this.element().capacity;
    if (capacity === null) return null;
    const { percent, colour } = roomOf(capacity);
    return { percent, colour, used: Math.round(percent), free: this.language.size(capacity.free), total: this.language.size(capacity.total) };
  });
  /** The check of all documents, while one is under way. */
  protected readonly walk = computed(() => {
    const scrub = this.element().scrub;
    return scrub === null || scrub.share >= 1 ? null : { done: Math.floor(100 * scrub.share), documents: scrub.documents };
  });
  protected readonly lastPass = computed(() => {
    const pass = this.element().last_pass;
    if (pass === null) return this.say('elements.notChecked');
    const { documents, damaged } = pass;
    return this.say('elements.checked', { when: this.language.dateBriefly(pass.finished_at), documents, size: this.language.size(pass.bytes), damaged });
  });
  protected readonly seen = computed(() => {
    const at = this.element().last_seen_at;
    return at === null ? this.say('elements.neverSeen') : this.say('elements.seen', { when: this.language.dateBriefly(at) });
  });
}
