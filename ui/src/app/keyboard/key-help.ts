// The help on the keyboard, in the browser's own dialog: it keeps the focus inside and closes with Escape.
import { ChangeDetectionStrategy, Component, ElementRef, afterNextRender, inject, output, viewChild } from '@angular/core';
import type { Key } from '../language/english';
import { Language } from '../language/language';
import { PAGES } from './keys';

@Component({
  selector: 'artstore-key-help',
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './key-help.html',
})
export class KeyHelp {
  readonly closed = output();
  protected readonly pages = Object.entries(PAGES).map(([key, path]) => ({ key, name: `nav${path.replace('/', '.')}` as Key }));
  protected readonly say = inject(Language).say;
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  constructor() {
    afterNextRender(() => this.dialog().nativeElement.showModal());
  }
}
