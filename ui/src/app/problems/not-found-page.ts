// The page for addresses that lead nowhere.
import { ChangeDetectionStrategy, Component } from '@angular/core';
import { local } from '../api/problem';
import { ProblemPanel } from './problem-panel';

@Component({
  selector: 'artstore-not-found-page',
  imports: [ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<artstore-problem [problem]="problem" />`,
})
export class NotFoundPage {
  protected readonly problem = local('page_not_found', 'There is no such page', 'The address leads nowhere.').body;
}
