// A button that copies a text, and says that it has.
import { ChangeDetectionStrategy, Component, inject, input, signal } from '@angular/core';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-copy',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<button type="button" class="btn btn-sm btn-link p-0 align-baseline" (click)="copy()">
    {{ say(isCopied() ? 'app.copied' : 'app.copy') }}
  </button>`,
})
export class CopyButton {
  readonly text = input.required<string>();
  protected readonly say = inject(Language).say;
  protected readonly isCopied = signal(false);

  protected async copy(): Promise<void> {
    await navigator.clipboard.writeText(this.text());
    this.isCopied.set(true);
  }
}
