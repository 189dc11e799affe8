// Who is signed in here: the access token, kept for this tab only, and what it says of its bearer.
import { Injectable, computed, signal } from '@angular/core';

export interface Bearer {
  readonly token: string;
  readonly login: string;
  readonly fullName: string;
  readonly role: string;
  readonly expiresAt: number;
}

const KEY = 'artstore.token';

@Injectable({ providedIn: 'root' })
export class Session {
  private readonly kept = signal(stillValid(readToken(sessionStorage.getItem(KEY) ?? ''), Date.now()));

  readonly bearer = this.kept.asReadonly();
  readonly isSignedIn = computed(() => this.kept() !== null);

  begin(token: string): void {
    sessionStorage.setItem(KEY, token);
    this.kept.set(readToken(token));
  }

  /** The token is not taken any more, or the person leaves. */
  end(): void {
    sessionStorage.removeItem(KEY);
    this.kept.set(null);
  }
}

/** Read what a token says of its bearer; null for what is no token. Only the archive verifies it. */
export function readToken(token: string): Bearer | null {
  try {
    const claims = JSON.parse(decoded(token.split('.')[1] ?? '')) as Record<string, unknown>;
    const expires = claims['exp'];
    if (typeof expires !== 'number') return null;
    const text = (name: string) => (typeof claims[name] === 'string' ? claims[name] : '');
    return { token, login: text('login'), fullName: text('full_name'), role: text('role'), expiresAt: expires * 1000 };
  } catch {
    return null;
  }
}

export function stillValid(bearer: Bearer | null, now: number): Bearer | null {
  return bearer !== null && bearer.expiresAt > now ? bearer : null;
}

function decoded(part: string): string {
  const bytes = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
}
