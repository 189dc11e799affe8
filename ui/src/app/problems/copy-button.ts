// A button that copies a text, and says that it has, or that this browser does not let it.
import { ChangeDetectionStrategy, Component, inject, input, linkedSignal } from '@angular/core';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-copy',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<button type="button" class="btn btn-sm btn-link py-0 align-baseline" (click)="copy()">{{ say(said()) }}</button>`,
})
export class CopyButton {
  readonly text = input.required<string>();
  protected readonly say = inject(Language).say;
  /** Said of this text: another one has not been copied. */
  protected readonly said = linkedSignal<string, 'app.copy' | 'app.copied' | 'app.copyByHand'>({ source: this.text, computation: () => 'app.copy' });

  /** Outside a secure context a page has no clipboard: the text stands beside the button, to be selected. */
  protected async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text());
      this.said.set('app.copied');
    } catch {
      this.said.set('app.copyByHand');
    }
  }
}
