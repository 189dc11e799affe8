// One upload in the queue: its name, how far it has come, and what can be done with it.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import { NgbProgressbar } from '@ng-bootstrap/ng-bootstrap';
import type { Key } from '../language/english';
import { Language } from '../language/language';
import { ProblemPanel } from '../problems/problem-panel';
import { Seconds } from './seconds';
import { canPause, canRemove, isSlow, paceOf, progressOf, type Upload } from './upload';
import { Uploads } from './uploads';

const COLOURS: Partial<Record<Upload['stage'], string>> = { found: 'success', failed: 'danger', paused: 'secondary', interrupted: 'secondary' };

@Component({
  selector: 'artstore-upload-row',
  imports: [NgbProgressbar, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './upload-row.html',
})
export class UploadRow {
  readonly upload = input.required<Upload>();

  protected readonly uploads = inject(Uploads);
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  private readonly seconds = inject(Seconds);

  protected readonly stage = computed(() => {
    const step = this.language.word('uploads.step', this.upload().step);
    return this.say(`uploads.stage.${this.upload().stage}`, { step });
  });
  /** How much, how fast and how long still, while bytes are on their way. */
  protected readonly pace = computed(() => {
    const upload = this.upload();
    const pace = paceOf(upload, this.seconds.now());
    if (pace === null) return '';
    const values = { done: this.language.size(upload.done), rate: this.language.size(pace.rate), left: this.language.seconds(pace.left) };
    return this.say('uploads.pace', values);
  });
  protected readonly size = computed(() => this.language.size(this.upload().size));
  protected readonly progress = computed(() => progressOf(this.upload()));
  protected readonly colour = computed(() => COLOURS[this.upload().stage] ?? 'primary');
  protected readonly isSlow = computed(() => isSlow(this.upload(), this.seconds.now()));
  protected readonly canPause = computed(() => canPause(this.upload()));
  protected readonly canRemove = computed(() => canRemove(this.upload()));

  /** A button by what it does and to which file: who hears the page hears the buttons alone. */
  protected named(act: Key): string {
    return `${this.say(act)}: ${this.upload().name}`;
  }
}
