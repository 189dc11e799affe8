// Page of operations: those of this tab, and the way to any other.
import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { FormsModule } from '@angular/forms';
import { Router, RouterLink } from '@angular/router';
import { Language } from '../language/language';
import { Uploads } from '../uploads/uploads';

@Component({
  selector: 'artstore-operations-page',
  imports: [FormsModule, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './operations-page.html',
})
export class OperationsPage {
  private readonly router = inject(Router);
  private readonly uploads = inject(Uploads);
  private readonly language = inject(Language);
  protected readonly say = this.language.say;
  protected wanted = '';
  protected readonly begun = computed(() =>
    this.uploads
      .list()
      .filter((upload) => upload.operationId !== undefined)
      .map((upload) => ({
        id: upload.operationId,
        name: upload.name,
        state: this.say(`uploads.stage.${upload.stage}`, { step: this.language.word('step', upload.step) }),
      })),
  );

  protected async open(): Promise<void> {
    const id = this.wanted.trim().toLowerCase();
    if (id !== '') await this.router.navigate(['/operations', id]);
  }
}
