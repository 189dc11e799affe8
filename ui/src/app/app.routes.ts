// The pages by their addresses; the gateway knows the same list. A title is the key of a sentence.
import type { Route, Routes } from '@angular/router';
import type { Key } from './language/english';
import { signedIn } from './session/guard';

type Loaded = NonNullable<Route['loadComponent']>;
const page = (path: string, title: Key, loadComponent: Loaded): Route => ({ path, title, loadComponent });

export const routes: Routes = [
  { path: '', pathMatch: 'full', redirectTo: 'uploads' },
  page('sign-in', 'signIn.submit', () => import('./session/sign-in-page').then((m) => m.SignInPage)),
  {
    path: '',
    canActivateChild: [signedIn],
    children: [
      page('uploads', 'nav.uploads', () => import('./uploads/uploads-page').then((m) => m.UploadsPage)),
      page('search', 'nav.search', () => import('./search/search-page').then((m) => m.SearchPage)),
      page('documents', 'nav.documents', () => import('./documents/documents-page').then((m) => m.DocumentsPage)),
      page('documents/:document_id', 'document.title', () => import('./documents/document-page').then((m) => m.DocumentPage)),
      page('elements', 'elements.title', () => import('./elements/elements-page').then((m) => m.ElementsPage)),
      page('damages', 'damages.title', () => import('./damages/damages-page').then((m) => m.DamagesPage)),
      page('operations', 'nav.operations', () => import('./operations/operations-page').then((m) => m.OperationsPage)),
      page('operations/:operation_id', 'operation.title', () => import('./operations/operation-page').then((m) => m.OperationPage)),
    ],
  },
  page('**', 'problem.page_not_found', () => import('./problems/not-found-page').then((m) => m.NotFoundPage)),
];
