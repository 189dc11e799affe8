// The trail of a document as a line of time.
import { ChangeDetectionStrategy, Component, DestroyRef, effect, inject, input, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type ArchiveEvent } from '../api/archive';
import { Language, filled } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { wrongWith } from './damage';
import { operationsOf, toneOfHappening, trailOf, type Happening } from './history';

const OPERATIONS_MAX = 5;
const PAGES_MAX = 5;

interface Trail {
  readonly happenings: readonly Happening[];
  readonly isCut: boolean;
}

@Component({
  selector: 'artstore-document-history',
  imports: [ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './document-history.html',
})
export class DocumentHistory {
  readonly documentId = input.required<string>();
  /** The trail is read anew when this changes. */
  readonly state = input('');

  private readonly archive = inject(Archive);
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly toneOf = toneOfHappening;
  protected readonly trail = new Loading<Trail>();

  constructor() {
    inject(DestroyRef).onDestroy(() => this.trail.stop());
    effect(() => {
      const id = this.documentId();
      this.state();
      untracked(() => void this.load(id));
    });
  }

  protected load(id: string): Promise<void> {
    return this.trail.load(() => this.read(id));
  }

  /** An event in words; of an operation's own ones, where it has come to. */
  protected titleOf({ name, status, step, event }: Happening): string {
    if (status === null) return filled(this.language.word('event', name), { what: wrongWith(this.language, event.payload) });
    return filled(this.language.word('event', `${name}.${status}`), { step: this.language.word('step', step ?? '') });
  }

  /** Why it happened, in words: what a person asked for names the person. */
  protected causeOf({ cause, isRequest, event }: Happening): string | null {
    // Isolates, so that a name written the other way does not turn the sentence around it.
    if (isRequest) return this.say('history.asked', { who: `\u2068${event.actor.full_name || event.actor.login}\u2069` });
    return cause === null ? null : this.language.word('cause', cause);
  }

  protected json(value: unknown): string {
    return JSON.stringify(value, null, 2);
  }

  private async read(id: string): Promise<Trail> {
    const own = await this.all({ document_id: id });
    const operations = operationsOf(own.events);
    const around = await Promise.all(operations.slice(0, OPERATIONS_MAX).map((one) => this.all({ correlation_id: one })));
    const happenings = trailOf([...own.events, ...around.flatMap(({ events }) => events)]);
    return { happenings, isCut: operations.length > OPERATIONS_MAX || [own, ...around].some(({ isCut }) => isCut) };
  }

  private async all(query: { document_id?: string; correlation_id?: string }): Promise<{ events: ArchiveEvent[]; isCut: boolean }> {
    const events: ArchiveEvent[] = [];
    let cursor: string | null | undefined;
    for (let pages = 0; cursor !== null && pages < PAGES_MAX; pages++) {
      const page = await this.archive.events({ ...query, cursor });
      events.push(...page.items);
      cursor = page.next_cursor;
    }
    return { events, isCut: cursor !== null };
  }
}
