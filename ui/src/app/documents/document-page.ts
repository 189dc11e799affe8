// Page of one document: what it is, its bytes, whether they are whole, and what has happened to it.
import { ChangeDetectionStrategy, Component, DestroyRef, InjectionToken, computed, effect, inject, input, signal, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Document, type Element } from '../api/archive';
import { Arrival } from '../arrival';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { AttributeList } from './attribute-list';
import { DamageMessage } from './damage-message';
import { DocumentHistory } from './document-history';
import { IntegrityPanel } from './integrity-panel';
import { LinkDialog } from './link-dialog';

// How soon the page tells that a damaged document is whole again.
const AGAIN_MS = 5000;

/** Let the browser save what lies at an address. */
export const SAVE = new InjectionToken<(address: string) => void>('save', { factory: () => follow });

@Component({
  selector: 'artstore-document-page',
  imports: [AttributeList, DamageMessage, DocumentHistory, IntegrityPanel, LinkDialog, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './document-page.html',
})
export class DocumentPage {
  /** The document, from the address. */
  readonly document_id = input.required<string>();

  private readonly archive = inject(Archive);
  private readonly arrival = inject(Arrival);
  private readonly follow = inject(SAVE);
  protected readonly say = inject(Language).say;
  protected readonly shown = new Loading<Document>();
  protected readonly download = new Loading<string>();
  protected readonly looking = new Loading<void>();
  protected readonly isDamaged = computed(() => this.shown.value()?.integrity.state === 'damaged');
  /** What keeps the content from being given, by the id of what says so on the page. Whoever may see a document may read its content. */
  protected readonly withheld = computed(() => (this.isDamaged() ? 'damage' : this.shown.value()?.mode === 'ar' ? 'archived' : null));
  protected readonly whyWithheld = computed(() => {
    const what = this.withheld();
    return what === null ? null : this.say(what === 'damage' ? 'damage.download' : 'document.archived');
  });
  protected readonly isSharing = signal(false);
  private readonly elements = new Loading<Element[]>();

  protected readonly title = computed(() => {
    const document = this.shown.value();
    return document === undefined ? this.say('document.title') : document.title || document.filename;
  });
  /** The element by its name; while that is not known its identifier has to do. */
  protected readonly element = computed(() => {
    const id = this.shown.value()?.element_id;
    return this.elements.value()?.find((element) => element.element_id === id)?.name;
  });

  constructor() {
    inject(DestroyRef).onDestroy(() => {
      for (const loading of [this.shown, this.download, this.looking, this.elements]) loading.stop();
      this.arrival.own.set(undefined);
    });
    effect(() => this.arrival.own.set(this.shown.value() && this.title()));
    effect(() => {
      const id = this.document_id();
      // A link to what was shown before is not one to what is shown now.
      this.isSharing.set(false);
      untracked(() => void this.load(id));
    });
    effect((onCleanup) => {
      if (!this.isDamaged()) return;
      const again = setInterval(() => void this.refresh(this.document_id()), AGAIN_MS);
      onCleanup(() => clearInterval(again));
    });
  }

  protected async load(id: string): Promise<void> {
    if (this.shown.value()?.document_id !== id) this.shown.value.set(undefined);
    void this.elements.load((signal) => this.archive.elements(signal));
    await this.refresh(id);
  }

  /** To ask an element for a document that it holds for damaged is to let it look again. */
  protected async lookAgain(): Promise<void> {
    await this.looking.load(() => this.archive.contentAddress(this.document_id()).then(noted, noted));
    await this.refresh(this.document_id());
  }

  /** A browser saves from an address: the agent's, with a ticket of a minute in it. */
  protected async save(): Promise<void> {
    await this.download.load(() => this.archive.contentAddress(this.document_id()));
    const address = this.download.value();
    if (this.download.problem() === undefined && address !== undefined) this.follow(address);
  }

  private async refresh(id: string): Promise<void> {
    await this.shown.load((signal) => this.archive.document(id, signal));
  }
}

function noted(): void {
  // Whatever is answered: what the element finds is told by the document itself.
}

function follow(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  link.rel = 'noopener noreferrer';
  link.click();
}
