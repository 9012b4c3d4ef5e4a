import { expect, test } from 'vitest';
import { timeline } from '../../src/executions/activity/timeline';
import { withToast, type Toast } from '../../src/hooks/useToasts';
import type { Execution, NotificationEvent } from '../../src/lib/types';

const toast = (id: string, lasting = false): Toast => ({ id, tone: 'accent', title: id, lasting });
const ids = (toasts: Toast[]) => toasts.map(({ id }) => id);

test('the newest toast comes last, and the oldest transient one is removed', () => {
  expect(ids(withToast([toast('a'), toast('b')], toast('c'), 3))).toEqual(['a', 'b', 'c']);
  expect(ids(withToast([toast('a'), toast('b')], toast('c'), 2))).toEqual(['b', 'c']);
});

test('a lasting toast stays while transient ones can be removed', () => {
  expect(ids(withToast([toast('error', true), toast('b')], toast('c'), 2))).toEqual(['error', 'c']);
});

test('new toasts are shown even if all others are lasting', () => {
  const errors = [toast('a', true), toast('b', true)];
  expect(ids(withToast(errors, toast('c', true), 2))).toEqual(['b', 'c']);
  expect(ids(withToast(errors, toast('news'), 2))).toEqual(['b', 'news']);
});

test('executions and notifications are merged, newest first', () => {
  const execution = (id: string, created_at: string) => ({ id, created_at }) as Execution;
  const notification = (id: string, at: string) => ({ id, at }) as NotificationEvent;
  const items = timeline(
    [execution('e1', '2026-05-04T12:00:01Z'), execution('e3', '2026-05-04T12:00:03Z')],
    [notification('n2', '2026-05-04T12:00:02Z')],
  );
  expect(items.map((item) => (item.kind === 'execution' ? item.execution.id : item.event.id))).toEqual([
    'e3',
    'n2',
    'e1',
  ]);
});

test('consecutive executions with the same outcome are grouped', () => {
  const execution = (id: string, second: number, changes: Partial<Execution> = {}) =>
    ({
      id,
      plugin: 'auth',
      function: 'verify_session',
      target: 'server',
      state: 'succeeded',
      user: null,
      problem: null,
      created_at: `2026-05-04T12:00:0${second}Z`,
      ...changes,
    }) as Execution;
  const folded = (executions: Execution[], notifications: NotificationEvent[] = []) =>
    timeline(executions, notifications).map((item) =>
      item.kind === 'execution' ? [item.execution.id, item.times, item.key] : item.event.id,
    );
  const three = [execution('a', 1), execution('b', 2), execution('c', 3)];
  expect(folded(three)).toEqual([['c', 3, 'a']]);
  expect(folded(three, [{ id: 'n', at: '2026-05-04T12:00:02.5Z' } as NotificationEvent])).toEqual([
    ['c', 1, 'c'],
    'n',
    ['b', 2, 'a'],
  ]);
  for (const changes of [
    { state: 'running' },
    { state: 'failed' },
    { function: 'login' },
    { plugin: 'convert' },
    { target: 'browser' },
    { user: { id: 'alice' } },
    { problem: { title: 'The plugin crashed' } },
  ] as Partial<Execution>[])
    expect(folded([execution('a', 1), execution('b', 2, changes)])).toHaveLength(2);
  const running = { state: 'running' as const };
  expect(folded([execution('a', 1, running), execution('b', 2, running)])).toHaveLength(2);
});
