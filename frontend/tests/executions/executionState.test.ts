import { expect, test } from 'vitest';
import { mergeExecutions, withLiveUpdates } from '../../src/executions/executionList';
import { elapsedMs, isActive, isState, tookMs } from '../../src/executions/executionState';
import type { Execution } from '../../src/lib/types';

const execution = (id: string, changes: Partial<Execution> = {}): Execution => ({
  id,
  plugin: 'template',
  function: 'greet',
  target: 'server',
  state: 'running',
  user: null,
  problem: null,
  input_bytes: 1,
  output_bytes: 0,
  timing: null,
  created_at: '2026-05-04T12:00:00Z',
  finished_at: null,
  ...changes,
});
const at = (second: number) => `2026-05-04T12:00:0${second}Z`;

test('executions are sorted newest first, without duplicates', () => {
  const merged = mergeExecutions(
    [execution('a', { created_at: at(1) })],
    [execution('b', { created_at: at(2) }), execution('a', { created_at: at(1), state: 'succeeded' })],
    10,
  );
  expect(merged.map(({ id, state }) => [id, state])).toEqual([
    ['b', 'running'],
    ['a', 'succeeded'],
  ]);
});

test('a late start event does not undo the end', () => {
  const merged = mergeExecutions(
    [execution('a', { state: 'failed' })],
    [execution('a', { state: 'running' })],
    10,
  );
  expect(merged[0]?.state).toBe('failed');
});

test('only the newest executions stay in the list', () => {
  const many = [1, 2, 3].map((second) => execution(`e${second}`, { created_at: at(second) }));
  expect(mergeExecutions([], many, 2).map(({ id }) => id)).toEqual(['e3', 'e2']);
});

test('elapsed time comes from the timing, the end, or the clock', () => {
  const timing = { queue_ms: 1, start_ms: 2, run_ms: 3, host_ms: 2 };
  const now = Date.parse(at(9));
  expect(elapsedMs(execution('a', { timing }), now)).toBe(8);
  expect(elapsedMs(execution('a', { finished_at: at(2) }), now)).toBe(2000);
  expect(tookMs(execution('a', { finished_at: at(2) }))).toBe(2000);
  expect(elapsedMs(execution('a'), now)).toBe(9000);
  expect(elapsedMs(execution('a'), now - 60_000)).toBe(0);
});

test('queued and running count as active', () => {
  expect(isActive(execution('a', { state: 'queued' }))).toBe(true);
  expect(isActive(execution('a', { state: 'timed_out' }))).toBe(false);
});

test('updates join a filtered list if they match', () => {
  const list = [execution('a', { created_at: at(3) }), execution('b', { created_at: at(2) })];
  const news = [
    execution('new', { created_at: at(5) }),
    execution('other', { created_at: at(6), plugin: 'auth' }),
    execution('old', { created_at: at(1) }),
  ];
  const ids = (hasMore: boolean) =>
    withLiveUpdates(list, news, { plugin: 'template' }, hasMore).map(({ id }) => id);
  expect(ids(true)).toEqual(['new', 'a', 'b']);
  expect(ids(false)).toEqual(['new', 'a', 'b', 'old']);
  const repeated = execution('repeated', { function: 'repeat' });
  expect(withLiveUpdates(list, [repeated], { name: 'repeat' }, false)).toEqual([repeated]);
});

test('executions that no longer match leave the list', () => {
  const list = [execution('a', { state: 'running' })];
  expect(withLiveUpdates(list, [execution('a', { state: 'succeeded' })], { state: 'running' }, true)).toEqual(
    [],
  );
});

test('an empty list takes all matching updates', () => {
  expect(withLiveUpdates([], [execution('a')], {}, false).map(({ id }) => id)).toEqual(['a']);
});

test('isState accepts only known states', () => {
  expect([isState('crashed'), isState('toString'), isState('')]).toEqual([true, false, false]);
});
