// Recent executions and notifications, kept current by the live events.
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useFeed } from '../../hooks/useFeed';
import { listExecutions } from '../../lib/api';
import { asProblem, type ApiProblem } from '../../lib/problem';
import type { Execution, NotificationEvent } from '../../lib/types';
import { mergeExecutions } from '../executionList';
import { isActive, STATE_LABEL } from '../executionState';

const SHOWN = 50;
const NOTIFICATIONS_SHOWN = 20;
/** Updates are shown in batches: a short run appears once, already finished, without waiting for its start. */
const BATCH_MS = 100;

interface ActivityContextValue {
  executions: Execution[];
  /** Notifications from plugins since the page was loaded, newest first. */
  notifications: NotificationEvent[];
  loaded: boolean;
  problem: ApiProblem | null;
  /** The last execution that finished, as a sentence for screen readers. */
  announcement: string;
  refresh: () => void;
}

const ActivityContext = createContext<ActivityContextValue | null>(null);

export function ActivityProvider({ children }: { children: ReactNode }) {
  const { subscribe, subscribeToGaps } = useFeed();
  const [executions, setExecutions] = useState<Execution[]>([]);
  const [notifications, setNotifications] = useState<NotificationEvent[]>([]);
  const [loaded, setLoaded] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [announcement, setAnnouncement] = useState('');
  const updates = useRef<Execution[]>([]);

  const refresh = useCallback(() => {
    listExecutions({ pageSize: SHOWN }).then(
      (page) => {
        setExecutions((known) => mergeExecutions(known, page.results, SHOWN));
        setProblem(null);
        setLoaded(true);
      },
      (error: unknown) => {
        setProblem(asProblem(error));
        setLoaded(true);
      },
    );
  }, []);

  const showUpdates = useCallback(() => {
    const batch = updates.current;
    updates.current = [];
    setExecutions((known) => mergeExecutions(known, batch, SHOWN));
    const finished = batch.findLast((execution) => !isActive(execution));
    if (finished) setAnnouncement(describe(finished));
  }, []);

  // Also without a gap: the history is worth showing where WebSockets are blocked.
  useEffect(refresh, [refresh]);
  useEffect(() => subscribeToGaps(refresh), [subscribeToGaps, refresh]);
  useEffect(
    () =>
      subscribe((event) => {
        if (event.type === 'execution.started' || event.type === 'execution.finished') {
          if (updates.current.push(event.data) === 1) setTimeout(showUpdates, BATCH_MS);
        }
        if (event.type === 'notification') {
          setNotifications((known) => [event, ...known].slice(0, NOTIFICATIONS_SHOWN));
        }
      }),
    [subscribe, showUpdates],
  );

  const value = useMemo(
    () => ({ executions, notifications, loaded, problem, announcement, refresh }),
    [executions, notifications, loaded, problem, announcement, refresh],
  );
  return <ActivityContext value={value}>{children}</ActivityContext>;
}

export function useActivity(): ActivityContextValue {
  const value = use(ActivityContext);
  if (!value) throw new Error('useActivity needs an ActivityProvider above it');
  return value;
}

function describe(execution: Execution): string {
  return `${execution.plugin} ${execution.function}: ${STATE_LABEL[execution.state].toLowerCase()}`;
}
