// Lists of executions, with live updates merged in.
import type { ExecutionFilter } from '../lib/api';
import type { Execution } from '../lib/types';
import { PROGRESS } from './executionState';

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
export function withLiveUpdates(
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
