// The frame around every page: where to go, who is signed in, what is being uploaded, and the keyboard.
import { ChangeDetectionStrategy, Component, effect, inject, signal } from '@angular/core';
import { Router, RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { NgbCollapse, NgbDropdownModule } from '@ng-bootstrap/ng-bootstrap';
import { Reach } from './api/reach';
import { Appearance, THEMES } from './appearance/theme';
import { Keyboard } from './keyboard/keyboard';
import { KeyHelp } from './keyboard/key-help';
import { Language, type Tongue } from './language/language';
import { Begun } from './operations/begun';
import { Session } from './session/session';
import { UnfinishedUploads } from './uploads/unfinished';
import { Uploads } from './uploads/uploads';

const NAMES: Record<Tongue, string> = { en: 'English', ru: 'Русский' };

@Component({
  selector: 'artstore-root',
  imports: [KeyHelp, NgbCollapse, NgbDropdownModule, RouterLink, RouterLinkActive, RouterOutlet],
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { '(window:beforeunload)': 'leave($event)', '(document:keydown)': 'keyboard.press($event)' },
  templateUrl: './app.html',
})
export class App {
  private readonly router = inject(Router);
  private readonly begun = inject(Begun);
  private readonly unfinished = inject(UnfinishedUploads);
  protected readonly reach = inject(Reach);
  protected readonly session = inject(Session);
  protected readonly appearance = inject(Appearance);
  protected readonly language = inject(Language);
  protected readonly uploads = inject(Uploads);
  protected readonly keyboard = inject(Keyboard);
  protected readonly say = this.language.say;
  protected readonly pages = ['uploads', 'search', 'documents', 'elements', 'operations'] as const;
  protected readonly themes = THEMES;
  protected readonly tongues = Object.entries(NAMES) as [Tongue, string][];
  protected readonly isFolded = signal(true);
  private wasSignedIn = false;
  private isLeaving = false;

  constructor() {
    effect(() => this.followSession(this.session.isSignedIn()));
  }

  protected async signOut(): Promise<void> {
    this.isLeaving = true;
    this.session.end();
    this.begun.forget();
    this.unfinished.forget();
    await this.router.navigateByUrl('/sign-in');
    this.isLeaving = false;
  }

  /** A browser asks before it closes a tab with files that only this tab knows. */
  protected leave(event: BeforeUnloadEvent): void {
    if (this.uploads.wouldBeLost()) event.preventDefault();
  }

  protected reload(): void {
    location.reload();
  }

  protected toContent(event: Event): void {
    event.preventDefault();
    document.querySelector<HTMLElement>('main')?.focus();
  }

  /** Who was signed in and is no more goes to sign in, and comes back to this page. */
  private followSession(isSignedIn: boolean): void {
    const hasEnded = this.wasSignedIn && !isSignedIn && !this.isLeaving;
    this.wasSignedIn = isSignedIn;
    if (hasEnded) void this.router.navigate(['/sign-in'], { queryParams: { from: this.router.url, expired: 1 } });
  }
}
