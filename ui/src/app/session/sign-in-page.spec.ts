import { TestBed } from '@angular/core/testing';
import { Router } from '@angular/router';
import { ArchiveDouble, show, testing, type Shown } from '../testing/page';
import { Session } from './session';
import { SignInPage } from './sign-in-page';

const WRONG = { type: 't', title: 'Wrong', status: 401, detail: 'Login or password is wrong.', code: 'invalid_credentials', trace_id: 'trace' };
const ANSWER = { access_token: `a.${btoa('{"exp":99999999999,"login":"anna"}')}.b`, token_type: 'Bearer', expires_in: 900 };

describe('the page of signing in', () => {
  let archive: ArchiveDouble;
  let page: Shown<SignInPage>;
  let gone: unknown[];

  const field = (id: string) => page.element.querySelector<HTMLInputElement>(`#${id}`)!;
  const submit = async () => {
    await page.fixture.whenStable();
    for (const [id, text] of [['login', 'anna'], ['password', 'secret']] as const) {
      field(id).value = text;
      field(id).dispatchEvent(new Event('input'));
    }
    page.element.querySelector('form')?.dispatchEvent(new Event('submit'));
  };

  beforeEach(() => {
    archive = new ArchiveDouble().refuse('/auth/token', WRONG);
    testing(archive);
    TestBed.inject(Session).end();
    gone = [];
    vi.spyOn(TestBed.inject(Router), 'navigateByUrl').mockImplementation(async (address) => gone.push(address) > 0);
    page = show(SignInPage, { from: '/documents/7?x=1' });
  });

  it('says that login or password is wrong, in one language, and lets the password be typed anew', async () => {
    window.document.body.append(page.element);
    await submit();
    await page.until(() => expect(page.all('problem')[0]?.dataset['code']).toBe('invalid_credentials'));
    expect([page.said('trace'), page.all('detail'), gone]).toEqual(['trace', [], []]);
    expect([TestBed.inject(Session).isSignedIn(), window.document.activeElement?.id, field('password').value]).toEqual([false, 'password', 'secret']);
    page.element.remove();
  });

  it('comes back to the page that one wanted', async () => {
    archive.on('/auth/token', ANSWER);
    await submit();
    await page.until(() => expect(gone).toEqual(['/documents/7?x=1']));
    expect(TestBed.inject(Session).bearer()?.login).toBe('anna');
  });

  it('asks once, however often the button is pressed', async () => {
    let answer: (response: Response) => void = () => undefined;
    archive.on('/auth/token', () => new Promise<Response>((resolve) => (answer = resolve)));
    await submit();
    await page.until(() => expect(page.element.querySelector('button')?.disabled).toBe(true));
    answer(Response.json(ANSWER));
    await page.until(() => expect(gone.length).toBe(1));
  });

  it('says why one is here when the sign-in has ended', async () => {
    expect(page.text).not.toContain('has expired');
    page.set({ expired: '1' });
    await page.until(() => expect(page.text).toContain('Your session has expired'));
  });
});
