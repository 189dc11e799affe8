// One upload in the queue: its name, how far it has come, and what can be done with it.
import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';
import { NgbProgressbar } from '@ng-bootstrap/ng-bootstrap';
import { Language } from '../language/language';
import { ProblemPanel } from '../problems/problem-panel';
import { Seconds } from './seconds';
import { canPause, canRemove, isSlow, progressOf, type Upload } from './upload';
import { Uploads } from './uploads';

const COLOURS: Partial<Record<Upload['stage'], string>> = { found: 'success', failed: 'danger', paused: 'secondary' };

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

  protected readonly step = computed(() => this.language.word('step', this.upload().step));
  protected readonly stage = computed(() => this.say(`uploads.stage.${this.upload().stage}`, { step: this.step() }));
  protected readonly size = computed(() => this.language.size(this.upload().size));
  protected readonly progress = computed(() => progressOf(this.upload()));
  protected readonly colour = computed(() => COLOURS[this.upload().stage] ?? 'primary');
  protected readonly isSlow = computed(() => isSlow(this.upload(), this.seconds.now()));
  protected readonly canPause = computed(() => canPause(this.upload()));
  protected readonly canRemove = computed(() => canRemove(this.upload()));
}
