// Lists of executions, with live updates merged in.
import type { ExecutionFilter } from '../lib/api';
import type { Execution } from '../lib/types';
import { PROGRESS } from './executionState';

/** Newest first, without duplicates, at most `limit`. A late update never turns a finished execution back into a running one. */
export function mergeExecutions(known: Execution[], updates: Execution[], limit: number): Execution[] {
  const byId = new Map(known.map((execution) => [execution.id, execution]));
  for (const execution of updates) {
    const before = byId.get(execution.id);
    if (!before || PROGRESS[execution.state] >= PROGRESS[before.state]) byId.set(execution.id, execution);
  }
  return [...byId.values()]
    .map((execution) => ({ execution, created: Date.parse(execution.created_at) }))
    .sort((a, b) => b.created - a.created || (a.execution.id < b.execution.id ? 1 : -1))
    .slice(0, limit)
    .map(({ execution }) => execution);
}

/** A filtered list with live updates. While more pages can be loaded, nothing older than the last entry is added. */
export function withLiveUpdates(
  list: Execution[],
  updates: Execution[],
  { plugin, name, state }: ExecutionFilter,
  hasMore: boolean,
): Execution[] {
  const known = new Set(list.map((execution) => execution.id));
  const oldest = Math.min(...list.map((execution) => Date.parse(execution.created_at)));
  const addable = updates.filter(
    (execution) => known.has(execution.id) || !hasMore || Date.parse(execution.created_at) >= oldest,
  );
  return mergeExecutions(list, addable, Infinity).filter(
    (execution) =>
      (!plugin || execution.plugin === plugin) &&
      (!name || execution.function === name) &&
      (!state || execution.state === state),
  );
}
