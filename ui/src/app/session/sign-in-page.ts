// Page of signing in: back to where one came from.
import { ChangeDetectionStrategy, Component, ElementRef, inject, input, viewChild } from '@angular/core';
import { FormsModule } from '@angular/forms';
import { Router } from '@angular/router';
import { Archive } from '../api/archive';
import { Language } from '../language/language';
import { Loading } from '../problems/loading';
import { ProblemPanel } from '../problems/problem-panel';

@Component({
  selector: 'artstore-sign-in-page',
  imports: [FormsModule, ProblemPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './sign-in-page.html',
})
export class SignInPage {
  /** The address to come back to, from the query; inside this interface only. */
  readonly from = input<string>();
  readonly expired = input<string>();

  private readonly archive = inject(Archive);
  private readonly router = inject(Router);
  protected readonly say = inject(Language).say;
  protected readonly signing = new Loading<void>();
  private readonly secret = viewChild.required<ElementRef<HTMLInputElement>>('secret');
  protected login = '';
  protected password = '';

  protected async submit(): Promise<void> {
    await this.signing.load(() => this.archive.signIn(this.login, this.password));
    if (this.signing.problem() !== undefined) this.typeAnew();
    else await this.router.navigateByUrl(inside(this.from()), { replaceUrl: true });
  }

  /** The password has the focus, and what was wrong in it is selected. */
  private typeAnew(): void {
    const field = this.secret().nativeElement;
    field.focus();
    field.select();
  }
}

/** An address of this interface, else its first page. */
export function inside(address: string | undefined): string {
  return address !== undefined && /^\/(?![/\\])/.test(address) ? address : '/';
}
