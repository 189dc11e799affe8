import { rowsSeen } from './rows';

describe('the rows that are seen', () => {
  it('are few of many, wherever one has scrolled to', () => {
    for (const top of [0, 64, 320_000, 639_200, 10_000_000]) {
      const { from, to } = rowsSeen(top, 800, 64, 10_000);
      expect(to - from).toBeLessThanOrEqual(30);
      expect(from).toBeLessThanOrEqual(to);
    }
  });

  it('cover the box with some to spare', () => {
    const { from, to } = rowsSeen(6400, 640, 64, 1000);
    expect(from).toBeLessThan(100);
    expect(to).toBeGreaterThan(110);
  });

  it('are none of none', () => {
    expect(rowsSeen(0, 800, 64, 0)).toEqual({ from: 0, to: 0 });
  });
});
