// What happens right now: recent executions, kept current by the event stream, for every part of the page.
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { getExecution, listExecutions } from './api';
import { openEventStream, type ConnectionState } from './events';
import { isActive, mergeExecutions, STATE_LABEL } from './executions';
import { asProblem, type ApiProblem } from './problem';
import type { WatchEnd } from './runner';
import { useSession } from './session';
import type { Execution, LiveEvent, NotificationEvent } from './types';

const SHOWN = 50;
const NOTIFICATIONS_SHOWN = 20;
/** News of executions is shown together: a short run appears once, by its end, and does not wait for its own start. */
const NEWS_EVERY_MS = 100;

interface ActivityContextValue {
  executions: Execution[];
  /** What plugins told since the page was loaded, newest first. */
  notifications: NotificationEvent[];
  connection: ConnectionState;
  loaded: boolean;
  problem: ApiProblem | null;
  /** The last thing that finished, as a sentence for screen readers. */
  announcement: string;
  refresh: () => void;
}

/** The events themselves. It never changes: who only listens is not rendered anew with each of them. */
interface FeedContextValue {
  subscribe: (listener: (event: LiveEvent) => void) => () => void;
  /** Events may have been missed for good: what was loaded before may be out of date. */
  subscribeToGaps: (listener: () => void) => () => void;
}

const ActivityContext = createContext<ActivityContextValue | null>(null);
const FeedContext = createContext<FeedContextValue | null>(null);

/** Mount with the user's id as key, so that nothing of one user is shown to the next. */
export function ActivityProvider({ children }: { children: ReactNode }) {
  const { recheck } = useSession();
  const [executions, setExecutions] = useState<Execution[]>([]);
  const [notifications, setNotifications] = useState<NotificationEvent[]>([]);
  const [connection, setConnection] = useState<ConnectionState>('reconnecting');
  const [loaded, setLoaded] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [announcement, setAnnouncement] = useState('');
  const listeners = useRef(new Set<(event: LiveEvent) => void>());
  const gapListeners = useRef(new Set<() => void>());
  const news = useRef<Execution[]>([]);

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

  const showNews = useCallback(() => {
    const told = news.current;
    news.current = [];
    setExecutions((known) => mergeExecutions(known, told, SHOWN));
    const ended = told.findLast((execution) => !isActive(execution));
    if (ended) setAnnouncement(describe(ended));
  }, []);

  useEffect(() => {
    // Not left to the stream's opening alone: history is worth showing where WebSockets are blocked.
    refresh();
    return openEventStream({
      onState: (next) => {
        setConnection(next);
        // A handshake that is refused for want of a session looks like any other failure from here.
        if (next === 'offline') void recheck();
      },
      onSessionEnd: () => void recheck(),
      onGap: () => {
        refresh();
        for (const listener of gapListeners.current) listener();
      },
      onEvent: (event) => {
        if (event.type === 'execution.started' || event.type === 'execution.finished') {
          if (news.current.push(event.data) === 1) setTimeout(showNews, NEWS_EVERY_MS);
        }
        if (event.type === 'notification') {
          setNotifications((known) => [event, ...known].slice(0, NOTIFICATIONS_SHOWN));
        }
        for (const listener of listeners.current) listener(event);
      },
    });
  }, [refresh, recheck, showNews]);

  const subscribe = useCallback((listener: (event: LiveEvent) => void) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);

  const subscribeToGaps = useCallback((listener: () => void) => {
    gapListeners.current.add(listener);
    return () => {
      gapListeners.current.delete(listener);
    };
  }, []);

  const feed = useMemo(() => ({ subscribe, subscribeToGaps }), [subscribe, subscribeToGaps]);
  const value = useMemo(
    () => ({ executions, notifications, connection, loaded, problem, announcement, refresh }),
    [executions, notifications, connection, loaded, problem, announcement, refresh],
  );
  return (
    <FeedContext value={feed}>
      <ActivityContext value={value}>{children}</ActivityContext>
    </FeedContext>
  );
}

export function useActivity(): ActivityContextValue {
  const value = use(ActivityContext);
  if (!value) throw new Error('useActivity needs an ActivityProvider above it');
  return value;
}

export function useFeed(): FeedContextValue {
  const value = use(FeedContext);
  if (!value) throw new Error('useFeed needs an ActivityProvider above it');
  return value;
}

/** Hears of an execution's end by its event or, where events may have been missed, from its record. */
export function useWatchEnd(): WatchEnd {
  const { subscribe, subscribeToGaps } = useFeed();
  return useCallback(
    (id, onEnd) => {
      const stopListening = subscribe((event) => {
        if (event.type === 'execution.finished' && event.data.id === id) onEnd(event.data);
      });
      const stopAsking = subscribeToGaps(() => {
        getExecution(id).then(
          (execution) => {
            if (!isActive(execution)) onEnd(execution);
          },
          () => null, // the run's own end will be told all the same
        );
      });
      return () => {
        stopListening();
        stopAsking();
      };
    },
    [subscribe, subscribeToGaps],
  );
}

/** Calls `onNews` when this execution has started or ended, or may have. */
export function useExecutionNews(id: string, onNews: () => void): void {
  const { subscribe, subscribeToGaps } = useFeed();
  useEffect(() => subscribeToGaps(onNews), [subscribeToGaps, onNews]);
  useEffect(
    () =>
      subscribe((event) => {
        if (event.type !== 'execution.started' && event.type !== 'execution.finished') return;
        if (event.data.id === id) onNews();
      }),
    [subscribe, id, onNews],
  );
}

/** Calls `onChange` when a plugin was installed, changed, enabled, disabled, paused, resumed or removed; null: any may have been. */
export function usePluginChanges(onChange: (slug: string | null, removed: boolean) => void): void {
  const { subscribe, subscribeToGaps } = useFeed();
  useEffect(() => subscribeToGaps(() => onChange(null, false)), [subscribeToGaps, onChange]);
  useEffect(
    () =>
      subscribe((event) => {
        switch (event.type) {
          case 'plugin.changed':
          case 'plugin.paused':
          case 'plugin.resumed':
            return onChange(event.data.slug, false);
          case 'plugin.removed':
            return onChange(event.data.slug, true);
        }
      }),
    [subscribe, onChange],
  );
}

/** Calls `onChange` when one of this user's sessions began or ended; staff hear of everybody's. */
export function useSessionChanges(userId: string, onChange: () => void): void {
  const { subscribe, subscribeToGaps } = useFeed();
  useEffect(() => subscribeToGaps(onChange), [subscribeToGaps, onChange]);
  useEffect(
    () =>
      subscribe((event) => {
        const about = event.type === 'session.created' || event.type === 'session.ended';
        if (about && event.data.user_id === userId) onChange();
      }),
    [subscribe, userId, onChange],
  );
}

function describe(execution: Execution): string {
  return `${execution.plugin} ${execution.function}: ${STATE_LABEL[execution.state].toLowerCase()}`;
}
