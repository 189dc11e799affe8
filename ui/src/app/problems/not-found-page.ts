// The page for addresses that lead nowhere.
import { ChangeDetectionStrategy, Component, inject } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Language } from '../language/language';

@Component({
  selector: 'artstore-not-found-page',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="page-head">
      <h1 data-testid="no-page">{{ say('problem.page_not_found') }}</h1>
      <p class="page-lead">{{ say('problem.page_not_found.help') }}</p>
    </div>
    <p class="d-flex flex-wrap gap-2">
      <a class="btn btn-outline-primary" routerLink="/search">{{ say('nav.search') }}</a>
      <a class="btn btn-outline-primary" routerLink="/documents">{{ say('nav.documents') }}</a>
      <a class="btn btn-outline-primary" routerLink="/uploads">{{ say('nav.uploads') }}</a>
    </p>
  `,
})
export class NotFoundPage {
  protected readonly say = inject(Language).say;
}
