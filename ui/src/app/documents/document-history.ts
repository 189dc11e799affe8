// The trail of a document as a line of time.
import { ChangeDetectionStrategy, Component, effect, inject, input, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';
import { Archive } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';
import { operationsOf, trailOf, type Happening } from './history';

const OPERATIONS_MAX = 5;

@Component({
  selector: 'artstore-document-history',
  imports: [ProblemPanel, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './document-history.html',
})
export class DocumentHistory {
  readonly documentId = input.required<string>();

  private readonly archive = inject(Archive);
  protected readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected readonly trail = new Loading<Happening[]>();

  constructor() {
    effect(() => {
      const id = this.documentId();
      untracked(() => void this.trail.load(() => this.read(id)));
    });
  }

  protected json(value: unknown): string {
    return JSON.stringify(value, null, 2);
  }

  private async read(id: string): Promise<Happening[]> {
    const own = (await this.archive.events({ document_id: id })).items;
    const operations = operationsOf(own).slice(0, OPERATIONS_MAX);
    const around = await Promise.all(operations.map((one) => this.archive.events({ correlation_id: one })));
    return trailOf([...own, ...around.flatMap((page) => page.items)]);
  }
}
