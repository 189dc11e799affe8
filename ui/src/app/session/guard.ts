// Pages that need a person: who is not signed in goes to sign in, and comes back.
import { inject } from '@angular/core';
import { Router, type CanActivateFn } from '@angular/router';
import { Session } from './session';

export const signedIn: CanActivateFn = (_route, state) =>
  inject(Session).isSignedIn() || inject(Router).createUrlTree(['/sign-in'], { queryParams: { from: state.url } });
