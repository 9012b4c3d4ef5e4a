// The states of executions, and how long an execution took.
import type { Execution, ExecutionState } from '../lib/types';

/** A later state has a higher number; all final states are equal. */
export const PROGRESS: Record<ExecutionState, number> = {
  queued: 0,
  running: 1,
  succeeded: 2,
  failed: 2,
  timed_out: 2,
  cancelled: 2,
  crashed: 2,
};

export function isActive(execution: Execution): boolean {
  return PROGRESS[execution.state] < 2;
}

/** How long an execution took, or has taken so far, in milliseconds. */
export function elapsedMs(execution: Execution, now: number): number {
  if (execution.timing) {
    const { queue_ms, start_ms, run_ms, host_ms } = execution.timing;
    return queue_ms + start_ms + run_ms + host_ms;
  }
  const end = execution.finished_at ? Date.parse(execution.finished_at) : now;
  return Math.max(0, end - Date.parse(execution.created_at));
}

/** How long a finished execution took, in milliseconds. */
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
