// A link that opens a document without signing in: for how long, the link itself, who can open it and until when.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, inject, input, output, signal } from '@angular/core';
import { Archive, type Link } from '../api/archive';
import type { ProblemBody } from '../api/problem';
import { ModalDialog } from '../keyboard/modal-dialog';
import { Language } from '../language/language';
import { CopyButton } from '../problems/copy-button';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';

const LIVES = [
  { name: 'link.hour', seconds: 3600 },
  { name: 'link.day', seconds: 24 * 3600 },
  { name: 'link.week', seconds: 7 * 24 * 3600 },
] as const;

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
  protected readonly lives = LIVES;
  protected readonly seconds = signal<number>(LIVES[0].seconds);
  protected readonly link = new Loading<Link>();
  protected readonly problem = computed(() => inOurWords(this.link.problem()));
  protected readonly who = computed(() => {
    const made = this.link.value();
    return made === undefined ? this.say('link.explain') : this.say('link.until', { when: this.language.dateBriefly(made.expires_at) });
  });

  constructor() {
    inject(DestroyRef).onDestroy(() => this.link.stop());
  }

  /** Not by a button that is disabled meanwhile: that one would lose the focus. */
  protected async make(): Promise<void> {
    if (this.link.isOn()) return;
    this.link.value.set(undefined);
    this.link.problem.set(undefined);
    await this.link.load((signal) => this.archive.link(this.documentId(), this.seconds(), signal));
  }
}

/** An installation may let links live for less than what is offered here: that is not a request nobody understands. */
function inOurWords(problem: ProblemBody | undefined): ProblemBody | undefined {
  const isTooLong = problem?.code === 'invalid_request' && problem.errors?.some(({ pointer }) => pointer === '/seconds');
  return isTooLong ? { ...problem, code: 'link_too_long' } : problem;
}
