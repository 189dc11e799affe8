// A link that opens a document without signing in: for how long, the link itself, who can open it and until when.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, inject, input, linkedSignal, output } from '@angular/core';
import { Archive, type Limits, type Link } from '../api/archive';
import type { ProblemBody } from '../api/problem';
import { ModalDialog } from '../keyboard/modal-dialog';
import type { Key } from '../language/english';
import { Language } from '../language/language';
import { CopyButton } from '../problems/copy-button';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';

interface Life {
  readonly name?: Key;
  readonly seconds: number;
}

const LIVES: readonly Life[] = [
  { name: 'link.hour', seconds: 3600 },
  { name: 'link.day', seconds: 24 * 3600 },
  { name: 'link.week', seconds: 7 * 24 * 3600 },
];
const MINUTE = 60;

@Component({
  selector: 'artstore-link-dialog',
  imports: [CopyButton, ModalDialog, ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './link-dialog.html',
})
export class LinkDialog {
  readonly documentId = input.required<string>();
  readonly closed = output();

  private readonly archive = inject(Archive);
  private readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly limits = new Loading<Limits>();
  protected readonly lives = computed(() => livesWithin(this.most()));
  protected readonly seconds = linkedSignal<number | undefined>(() => this.lives()[0]?.seconds);
  protected readonly link = new Loading<Link>();
  protected readonly problem = computed(() => inOurWords(this.link.problem()));
  protected readonly who = computed(() => {
    const made = this.link.value();
    return made === undefined ? this.say('link.explain') : this.say('link.until', { when: this.language.dateBriefly(made.expires_at) });
  });

  constructor() {
    void this.limits.load((signal) => this.archive.limits(signal));
    inject(DestroyRef).onDestroy(() => {
      this.limits.stop();
      this.link.stop();
    });
  }

  /** Not by a button that is disabled meanwhile: that one would lose the focus. */
  protected async make(): Promise<void> {
    const seconds = this.seconds();
    if (this.link.isOn() || seconds === undefined) return;
    this.link.value.set(undefined);
    this.link.problem.set(undefined);
    await this.link.load((signal) => this.archive.link(this.documentId(), seconds, signal));
  }

  protected named(life: Life): string {
    return life.name === undefined ? this.language.seconds(life.seconds) : this.say(life.name);
  }

  /** Nothing before the archive has said it; without a bound where it does not say it: then a refusal tells. */
  private most(): number {
    return this.limits.value()?.link_seconds_max ?? (this.limits.isOn() ? 0 : Infinity);
  }
}

/** What an installation allows of the usual lives, or else the longest that it allows, in whole minutes. */
function livesWithin(most: number): readonly Life[] {
  const lives = LIVES.filter(({ seconds }) => seconds <= most);
  return lives.length > 0 || most === 0 ? lives : [{ seconds: most < MINUTE ? most : most - (most % MINUTE) }];
}

/** An installation may not have said for how long it lets links live: its refusal is not a request nobody understands. */
function inOurWords(problem: ProblemBody | undefined): ProblemBody | undefined {
  const isTooLong = problem?.code === 'invalid_request' && problem.errors?.some(({ pointer }) => pointer === '/seconds');
  return isTooLong ? { ...problem, code: 'link_too_long' } : problem;
}
