// Executions and what plugins told, in one order.
import type { Execution, NotificationEvent } from './types';

export type TimelineItem =
  { kind: 'execution'; execution: Execution } | { kind: 'notification'; event: NotificationEvent };

/** Newest first. */
export function timeline(executions: Execution[], notifications: NotificationEvent[]): TimelineItem[] {
  const items: { at: number; item: TimelineItem }[] = [
    ...notifications.map((event) => ({
      at: Date.parse(event.at),
      item: { kind: 'notification' as const, event },
    })),
    ...executions.map((execution) => ({
      at: Date.parse(execution.created_at),
      item: { kind: 'execution' as const, execution },
    })),
  ];
  return items.sort((a, b) => b.at - a.at).map(({ item }) => item);
}
