// Whether a document is whole, found out in this browser: its bytes and the seal of its attribute file.
import { ChangeDetectionStrategy, Component, DestroyRef, computed, effect, inject, input, signal, untracked } from '@angular/core';
import { NgbProgressbar } from '@ng-bootstrap/ng-bootstrap';
import { Archive, type Document } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { digestOfStream } from '../uploads/digest';
import { isSealed, readable } from './seal';

interface Sealed {
  readonly text: string;
  readonly isWhole: boolean;
}

@Component({
  selector: 'artstore-integrity',
  imports: [NgbProgressbar, ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './integrity-panel.html',
})
export class IntegrityPanel {
  readonly document = input.required<Document>();

  private readonly archive = inject(Archive);
  private readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly digest = new Loading<string>();
  protected readonly seal = new Loading<Sealed>();
  private readonly done = signal(0);
  private readonly named = computed(() => `${this.document().document_id}/${this.document().version}`);

  protected readonly isGood = computed(() => this.digest.value() === this.document().sha256);
  protected readonly percent = computed(() => (100 * this.done()) / Math.max(this.document().size, 1));
  protected readonly reading = computed(() =>
    this.say('integrity.reading', {
      done: this.language.size(this.done()),
      all: this.language.size(this.document().size),
    }),
  );

  constructor() {
    inject(DestroyRef).onDestroy(() => this.forget());
    // What was found of one document says nothing of the next that is shown here.
    effect(() => {
      this.named();
      untracked(() => this.forget());
    });
  }

  protected async verify(): Promise<void> {
    this.digest.value.set(undefined);
    this.done.set(0);
    await this.digest.load(async (signal) => {
      const response = await this.archive.content(this.document().document_id, signal);
      return digestOfStream(response.body!, (done) => this.done.set(done));
    });
  }

  protected async show(): Promise<void> {
    await this.seal.load(async () => {
      const bytes = await this.archive.attributes(this.document().document_id);
      return { text: readable(bytes), isWhole: isSealed(bytes) };
    });
  }

  private forget(): void {
    for (const loading of [this.digest, this.seal]) {
      loading.stop();
      loading.value.set(undefined);
      loading.problem.set(undefined);
    }
  }
}
