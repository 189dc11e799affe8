// Light, dark, or as the system says: kept in this browser, put on the document as Bootstrap wants it.
import { Injectable, signal } from '@angular/core';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'artstore.theme';

export function storedTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === kept) ?? 'auto';
}

export function applyTheme(theme: Theme): void {
  const dark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset['bsTheme'] = dark ? 'dark' : 'light';
}

@Injectable({ providedIn: 'root' })
export class Appearance {
  readonly theme = signal(storedTheme());

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(this.theme()));
  }

  choose(theme: Theme): void {
    this.theme.set(theme);
    localStorage.setItem(KEY, theme);
    applyTheme(theme);
  }
}
