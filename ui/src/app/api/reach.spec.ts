import { provideZonelessChangeDetection } from '@angular/core';
import { TestBed } from '@angular/core/testing';
import { Archive, FETCH } from './archive';
import { Reach } from './reach';

const refusedBy = (effectiveDirective: string, blockedURI: string) => ({ effectiveDirective, blockedURI });

describe('whom this page may speak to', () => {
  let reach: Reach;

  beforeEach(() => {
    const fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection(), { provide: FETCH, useValue: fetch }] });
    reach = TestBed.inject(Reach);
  });

  it('is everybody until the policy has refused somebody', async () => {
    reach.hear(refusedBy('img-src', 'http://agent:1/'));
    expect([reach.isBlocked(), (await reach.whyNot('http://agent:1/x')).code]).toEqual([false, 'unreachable']);
  });

  it('is not an agent whose origin the policy has refused', async () => {
    reach.hear(refusedBy('connect-src', 'http://agent:1'));
    expect(reach.isBlocked()).toBe(true);
    expect((await reach.whyNot('http://agent:1/objects/7')).code).toBe('new_element');
    expect((await reach.whyNot('http://agent:2/objects/7')).code).toBe('unreachable');
  });

  it('tells a redirect that the policy has refused by its own address, and no other of the archive', async () => {
    reach.hear(refusedBy('connect-src', `${location.origin}/api/v1/documents/1/content`));
    const archive = TestBed.inject(Archive);
    await expect(archive.content('1')).rejects.toMatchObject({ code: 'new_element', mayPass: false });
    await expect(archive.content('2')).rejects.toMatchObject({ code: 'unreachable' });
  });
});
