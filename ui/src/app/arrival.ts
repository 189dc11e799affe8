// Arriving at a page: the tab has its name, and the focus stands at its heading, for who hears or types.
import { Injectable, Injector, afterNextRender, effect, inject, signal } from '@angular/core';
import { TitleStrategy, type RouterStateSnapshot } from '@angular/router';
import type { Key } from './language/english';
import { Language } from './language/language';

const BEGINS = ['main [data-arrive]', 'main h1', 'main'];

@Injectable({ providedIn: 'root' })
export class Arrival extends TitleStrategy {
  private readonly injector = inject(Injector);
  private readonly say = inject(Language).say;
  private readonly page = signal<Key | undefined>(undefined);
  private path: string | undefined;

  /** The name of what the page shows, where it has one of its own; the page sets it and takes it away. */
  readonly own = signal<string | undefined>(undefined);

  constructor() {
    super();
    effect(() => (document.title = this.named()));
  }

  override updateTitle(snapshot: RouterStateSnapshot): void {
    this.page.set(this.buildTitle(snapshot) as Key | undefined);
    const path = snapshot.url.split(/[?#]/)[0];
    // Words that are typed change the address, not the page.
    if (path === this.path) return;
    const begins = this.path === undefined ? BEGINS.slice(0, 1) : BEGINS;
    this.path = path;
    afterNextRender(() => focusOn(begins), { injector: this.injector });
  }

  private named(): string {
    const page = this.page();
    const name = this.own() ?? (page === undefined ? undefined : this.say(page));
    return name === undefined ? 'ArtStore' : `${name} · ArtStore`;
  }
}

function focusOn(places: readonly string[]): void {
  const place = places.map((one) => document.querySelector<HTMLElement>(one)).find((found) => found !== null);
  if (place === undefined || place === null) return;
  // A heading takes the focus only when it is told to: it is no stop of the Tab key.
  if (place.tabIndex < 0) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}
