// The pages by their addresses; the gateway knows the same list.
import type { Routes } from '@angular/router';
import { signedIn } from './session/guard';

export const routes: Routes = [
  { path: '', pathMatch: 'full', redirectTo: 'uploads' },
  { path: 'sign-in', loadComponent: () => import('./session/sign-in-page').then((m) => m.SignInPage) },
  {
    path: '',
    canActivateChild: [signedIn],
    children: [
      { path: 'uploads', loadComponent: () => import('./uploads/uploads-page').then((m) => m.UploadsPage) },
      { path: 'search', loadComponent: () => import('./search/search-page').then((m) => m.SearchPage) },
      { path: 'documents', loadComponent: () => import('./documents/documents-page').then((m) => m.DocumentsPage) },
      {
        path: 'documents/:document_id',
        loadComponent: () => import('./documents/document-page').then((m) => m.DocumentPage),
      },
      { path: 'elements', loadComponent: () => import('./elements/elements-page').then((m) => m.ElementsPage) },
      { path: 'operations', loadComponent: () => import('./operations/operations-page').then((m) => m.OperationsPage) },
      {
        path: 'operations/:operation_id',
        loadComponent: () => import('./operations/operation-page').then((m) => m.OperationPage),
      },
    ],
  },
  { path: '**', loadComponent: () => import('./problems/not-found-page').then((m) => m.NotFoundPage) },
];
