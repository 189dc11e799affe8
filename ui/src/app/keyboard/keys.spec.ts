import { actOf, rowAfter } from './keys';

describe('the keyboard', () => {
  it('goes to a page after g, and only then', () => {
    expect(actOf('g', 'd')).toEqual({ go: '/documents' });
    expect(actOf('', 'd')).toBe('none');
    expect(actOf('g', 'j')).toBe('none');
  });

  it('searches, helps, and moves', () => {
    expect([actOf('', '/'), actOf('', '?'), actOf('', 'j'), actOf('', 'k')]).toEqual(['search', 'help', { move: 1 }, { move: -1 }]);
  });

  it('stays inside the list', () => {
    expect([rowAfter(-1, 1, 3), rowAfter(2, 1, 3), rowAfter(0, -1, 3)]).toEqual([0, 2, 0]);
  });
});
