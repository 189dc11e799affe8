// Page of operations: those that this tab has begun, and the way to any other.
import { ChangeDetectionStrategy, Component, inject, signal } from '@angular/core';
import { FormsModule } from '@angular/forms';
import { Router, RouterLink } from '@angular/router';
import { Language } from '../language/language';
import { Begun } from './begun';
import { OperationRow } from './operation-row';

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

@Component({
  selector: 'artstore-operations-page',
  imports: [FormsModule, OperationRow, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './operations-page.html',
})
export class OperationsPage {
  private readonly router = inject(Router);
  protected readonly begun = inject(Begun);
  protected readonly say = inject(Language).say;
  protected readonly wanted = signal('');
  protected readonly isWrong = signal(false);

  protected async open(): Promise<void> {
    const id = operationIn(this.wanted());
    this.isWrong.set(id === null);
    if (id !== null) await this.router.navigate(['/operations', id]);
  }
}

/** The identifier in what was typed or pasted: alone, or inside an address or a sentence. */
export function operationIn(text: string): string | null {
  return UUID.exec(text.toLowerCase())?.[0] ?? null;
}
