// The time of this browser, once a second, for what says how long something has been waiting.
import { Injectable, signal } from '@angular/core';

@Injectable({ providedIn: 'root' })
export class Seconds {
  private readonly ticking = signal(Date.now());
  readonly now = this.ticking.asReadonly();

  constructor() {
    setInterval(() => this.ticking.set(Date.now()), 1000);
  }
}
