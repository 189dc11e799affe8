// What is asked or told above a page, in the browser's own dialog: it keeps the focus inside and closes with Escape.
import { ChangeDetectionStrategy, Component, DestroyRef, ElementRef, afterNextRender, inject, input, output, viewChild } from '@angular/core';
import { Keyboard } from './keyboard';

@Component({
  selector: 'artstore-dialog',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <dialog #dialog class="dialog" aria-labelledby="dialog-title" (close)="end()">
      <h2 class="section-head" id="dialog-title">{{ title() }}</h2>
      <ng-content />
    </dialog>
  `,
})
export class ModalDialog {
  readonly title = input.required<string>();
  readonly closed = output();

  private readonly keyboard = inject(Keyboard);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  constructor() {
    this.keyboard.isHeld = true;
    inject(DestroyRef).onDestroy(() => (this.keyboard.isHeld = false));
    afterNextRender(() => this.dialog().nativeElement.showModal());
  }

  /** Close it; the browser gives the focus back to where it was. */
  close(): void {
    this.dialog().nativeElement.close();
  }

  protected end(): void {
    this.keyboard.isHeld = false;
    this.closed.emit();
  }
}
