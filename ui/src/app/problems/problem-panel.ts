// A problem as people need it: what happened, what to do, and the trace id to tell an operator.
import { ChangeDetectionStrategy, Component, computed, inject, input, output } from '@angular/core';
import { mayHelpAgain, type ProblemBody } from '../api/problem';
import { Language } from '../language/language';
import { CopyButton } from './copy-button';

// Of these the archive says no more than our own words do.
const PLAIN: readonly string[] = ['invalid_credentials', 'unauthenticated', 'not_found', 'permission_denied', 'link_too_long'];

@Component({
  selector: 'artstore-problem',
  imports: [CopyButton],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './problem-panel.html',
})
export class ProblemPanel {
  readonly problem = input.required<ProblemBody>();
  readonly canRetry = input(false);
  readonly retry = output();

  private readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly title = computed(() => this.said('', this.problem().title));
  protected readonly help = computed(() => this.said('.help', this.problem().detail));
  protected readonly isDetailed = computed(() => this.adds(this.problem()));
  protected readonly isRetried = computed(() => this.canRetry() && mayHelpAgain(this.problem()));

  /** What was found in this browser has no more to it than our own words. */
  private adds({ code, status, detail }: ProblemBody): boolean {
    const isOurs = status === 0 && code !== 'file_unreadable';
    return detail !== this.help() && !isOurs && !PLAIN.includes(code);
  }

  /** Our own words for a code that we know, else the archive's. */
  private said(suffix: string, otherwise: string): string {
    const name = `${this.problem().code}${suffix}`;
    const word = this.language.word('problem', name);
    return word === name ? otherwise : word;
  }
}
