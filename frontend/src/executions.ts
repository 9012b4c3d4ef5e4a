// The list behind the activity panel: answers of the API and live events merged into one order.
import type { ExecutionFilter } from './api';
import type { Execution, ExecutionState } from './types';

const PROGRESS: Record<ExecutionState, number> = {
  queued: 0,
  running: 1,
  succeeded: 2,
  failed: 2,
  timed_out: 2,
  cancelled: 2,
  crashed: 2,
};

/** Newest first, each execution once, at most `limit`. News that arrives late never takes a finished one back. */
export function mergeExecutions(known: Execution[], news: Execution[], limit: number): Execution[] {
  const byId = new Map(known.map((execution) => [execution.id, execution]));
  for (const execution of news) {
    const before = byId.get(execution.id);
    if (!before || PROGRESS[execution.state] >= PROGRESS[before.state]) byId.set(execution.id, execution);
  }
  return [...byId.values()]
    .map((execution) => ({ execution, created: Date.parse(execution.created_at) }))
    .sort((a, b) => b.created - a.created || (a.execution.id < b.execution.id ? 1 : -1))
    .slice(0, limit)
    .map(({ execution }) => execution);
}

/** A filtered list with live news in it. Nothing older than its end is added while there are further pages to load. */
export function withNews(
  list: Execution[],
  news: Execution[],
  { plugin, name, state }: ExecutionFilter,
  hasMore: boolean,
): Execution[] {
  const known = new Set(list.map((execution) => execution.id));
  const oldest = Math.min(...list.map((execution) => Date.parse(execution.created_at)));
  const fitting = news.filter(
    (execution) => known.has(execution.id) || !hasMore || Date.parse(execution.created_at) >= oldest,
  );
  return mergeExecutions(list, fitting, Infinity).filter(
    (execution) =>
      (!plugin || execution.plugin === plugin) &&
      (!name || execution.function === name) &&
      (!state || execution.state === state),
  );
}

export function isActive(execution: Execution): boolean {
  return PROGRESS[execution.state] < 2;
}

/** How long it took, or has taken so far, in milliseconds. */
export function elapsedMs(execution: Execution, now: number): number {
  if (execution.timing) {
    const { queue_ms, start_ms, run_ms, host_ms } = execution.timing;
    return queue_ms + start_ms + run_ms + host_ms;
  }
  const end = execution.finished_at ? Date.parse(execution.finished_at) : now;
  return Math.max(0, end - Date.parse(execution.created_at));
}

/** How long one that has finished took, in milliseconds. */
export function tookMs(execution: Execution): number {
  return elapsedMs(execution, Date.parse(execution.created_at));
}

export const STATE_LABEL: Record<ExecutionState, string> = {
  queued: 'Queued',
  running: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  timed_out: 'Timed out',
  cancelled: 'Cancelled',
  crashed: 'Crashed',
};

export function isState(value: string): value is ExecutionState {
  return Object.hasOwn(STATE_LABEL, value);
}
