// The help on the keyboard.
import { ChangeDetectionStrategy, Component, inject, output } from '@angular/core';
import type { Key } from '../language/english';
import { Language } from '../language/language';
import { PAGES } from './keys';
import { ModalDialog } from './modal-dialog';

@Component({
  selector: 'artstore-key-help',
  imports: [ModalDialog],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './key-help.html',
})
export class KeyHelp {
  readonly closed = output();
  protected readonly pages = Object.entries(PAGES).map(([key, path]) => ({ key, name: `nav${path.replace('/', '.')}` as Key }));
  protected readonly say = inject(Language).say;
}
