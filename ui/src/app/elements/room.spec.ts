import { roomOf } from './room';

describe('the room of an element', () => {
  it('warns at eighty percent and alarms at ninety-five', () => {
    const colours = [79, 80, 95].map((used) => roomOf({ total: 100, used, free: 100 - used }).colour);
    expect(colours).toEqual(['success', 'warning', 'danger']);
  });

  it('is full when there is none at all', () => {
    expect(roomOf({ total: 0, used: 0, free: 0 }).percent).toBe(100);
  });
});
