// Whom this page may speak to. Its policy names the agents that were there when it was opened: one that has joined
// since is out of reach until the page is loaded anew, and that is no fault of the network.
import { Injectable, computed, signal } from '@angular/core';
import { local, unreachable, type Problem } from './problem';

type Violation = Pick<SecurityPolicyViolationEvent, 'effectiveDirective' | 'blockedURI'>;

@Injectable({ providedIn: 'root' })
export class Reach {
  private readonly refused = signal<readonly string[]>([]);
  readonly isBlocked = computed(() => this.refused().length > 0);

  constructor() {
    document.addEventListener('securitypolicyviolation', (event) => this.hear(event));
  }

  hear({ effectiveDirective, blockedURI }: Violation): void {
    if (effectiveDirective === 'connect-src') this.refused.update((known) => [...new Set([...known, blockedURI])]);
  }

  /** Why a request to `address` came to nothing. A browser tells of its policy a moment after it tells of the failure. */
  async whyNot(address: string): Promise<Problem> {
    await new Promise((resolve) => setTimeout(resolve));
    return this.refused().some((refused) => isThere(refused, address)) ? newElement() : unreachable();
  }
}

export function newElement(): Problem {
  const detail = 'The policy of this page names the storage elements that were there when it was opened.';
  return local('new_element', 'A new storage element has joined', detail);
}

/** Of another origin the policy tells no more than the origin; a redirect it tells by the address before it. */
function isThere(refused: string, address: string): boolean {
  const [one, other] = [whole(refused), whole(address)];
  if (one.href === other.href) return true;
  return one.origin === other.origin && one.origin !== location.origin;
}

function whole(address: string): URL {
  return new URL(address, location.origin);
}
