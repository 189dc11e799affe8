// The keyboard everywhere: `/` searches, `j` and `k` go through rows, `g` and a letter goes to a page, `?` helps.
import { Injectable, inject, signal } from '@angular/core';
import { Router } from '@angular/router';
import { actOf, rowAfter, type Act } from './keys';

const TYPED_INTO = 'input, textarea, select, [contenteditable]';

@Injectable({ providedIn: 'root' })
export class Keyboard {
  private readonly router = inject(Router);
  private before = '';
  readonly isHelping = signal(false);
  /** Whether a dialog is open: keys mean nothing to the page behind it. */
  isHeld = false;

  press(event: KeyboardEvent): void {
    const isTyped = event.target instanceof Element && event.target.closest(TYPED_INTO) !== null;
    if (isTyped || this.isHeld || event.ctrlKey || event.altKey || event.metaKey) return;
    // A key is what is printed on it: letters of another layout are told by their place.
    const key = /^[/?]$/.test(event.key) ? event.key : event.code.replace(/^Key/, '').toLowerCase();
    const act = actOf(this.before, key);
    this.before = key === 'g' ? 'g' : '';
    if (act !== 'none') event.preventDefault();
    void this.do(act);
  }

  private async do(act: Act): Promise<void> {
    if (act === 'help') this.isHelping.set(true);
    else if (act === 'search') await this.search();
    else if (act !== 'none' && 'go' in act) await this.router.navigateByUrl(act.go);
    else if (act !== 'none') move(act.move);
  }

  private async search(): Promise<void> {
    if (!this.router.url.startsWith('/search')) await this.router.navigateByUrl('/search');
    setTimeout(() => document.querySelector<HTMLElement>('[data-search]')?.focus());
  }
}

function move(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  rows[rowAfter(at, by, rows.length)]?.focus();
}
