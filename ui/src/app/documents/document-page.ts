// Page of one document: what it is, its bytes, whether they are whole, and what has happened to it.
import { ChangeDetectionStrategy, Component, effect, inject, input, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive, type Document } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { AttributeList } from './attribute-list';
import { DocumentHistory } from './document-history';
import { IntegrityPanel } from './integrity-panel';

@Component({
  selector: 'artstore-document-page',
  imports: [AttributeList, DocumentHistory, IntegrityPanel, ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './document-page.html',
})
export class DocumentPage {
  /** The document, from the address. */
  readonly document_id = input.required<string>();

  private readonly archive = inject(Archive);
  protected readonly say = inject(Language).say;
  protected readonly shown = new Loading<Document>();
  protected readonly download = new Loading<string>();

  constructor() {
    effect(() => {
      const id = this.document_id();
      untracked(() => void this.load(id));
    });
  }

  protected async load(id: string): Promise<void> {
    await this.shown.load((signal) => this.archive.document(id, signal));
  }

  /** A browser saves from an address: the agent's, with a ticket of a minute in it. */
  protected async save(): Promise<void> {
    await this.download.load(() => this.archive.contentAddress(this.document_id()));
    const address = this.download.value();
    if (this.download.problem() === undefined && address !== undefined) follow(address);
  }
}

function follow(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  link.rel = 'noopener noreferrer';
  link.click();
}
