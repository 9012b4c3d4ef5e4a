// Executions and notifications in one list.
import type { Execution, NotificationEvent } from '../../lib/types';
import { isActive } from '../executionState';

export type TimelineItem =
  | {
      kind: 'execution';
      /** The newest of the executions that are grouped here. */
      execution: Execution;
      times: number;
      /** Stays the same while more executions join the group. */
      key: string;
    }
  | { kind: 'notification'; event: NotificationEvent };

/** Newest first. Consecutive executions with the same outcome are grouped, so that they do not hide everything else. */
export function timeline(executions: Execution[], notifications: NotificationEvent[] = []): TimelineItem[] {
  const items: { at: number; item: TimelineItem }[] = [
    ...notifications.map((event) => ({
      at: Date.parse(event.at),
      item: { kind: 'notification' as const, event },
    })),
    ...executions.map((execution) => ({
      at: Date.parse(execution.created_at),
      item: { kind: 'execution' as const, execution, times: 1, key: execution.id },
    })),
  ];
  const folded: TimelineItem[] = [];
  for (const { item } of items.sort((a, b) => b.at - a.at)) {
    const newer = folded.at(-1);
    if (
      newer?.kind === 'execution' &&
      item.kind === 'execution' &&
      areAlike(newer.execution, item.execution)
    ) {
      newer.times += 1;
      newer.key = item.key;
    } else folded.push(item);
  }
  return folded;
}

function areAlike(one: Execution, other: Execution): boolean {
  return (
    !isActive(one) &&
    one.state === other.state &&
    one.plugin === other.plugin &&
    one.function === other.function &&
    one.target === other.target &&
    one.user?.id === other.user?.id &&
    one.problem?.title === other.problem?.title
  );
}
