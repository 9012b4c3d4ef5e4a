// The server's live events, for every component: one connection for the whole app.
import { createContext, use, useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { openEventStream, type ConnectionState } from '../lib/eventStream';
import type { LiveEvent } from '../lib/types';
import { useSession } from './useSession';

/** This value never changes, so that a component that only listens is not rendered again with each event. */
interface FeedContextValue {
  subscribe: (listener: (event: LiveEvent) => void) => () => void;
  /** Called when events may have been missed for good: data loaded earlier may be out of date. */
  subscribeToGaps: (listener: () => void) => () => void;
}

const FeedContext = createContext<FeedContextValue | null>(null);
const ConnectionContext = createContext<ConnectionState>('reconnecting');

/** Mount with the user's id as key: one user must never see another's events. */
export function FeedProvider({ children }: { children: ReactNode }) {
  const { recheck } = useSession();
  const [connection, setConnection] = useState<ConnectionState>('reconnecting');
  const listeners = useRef(new Set<(event: LiveEvent) => void>());
  const gapListeners = useRef(new Set<() => void>());

  // Effects of children run first: their listeners are in place before the first event.
  useEffect(
    () =>
      openEventStream({
        onState: (next) => {
          setConnection(next);
          // The browser does not say why a handshake failed; the session may have ended.
          if (next === 'offline') void recheck();
        },
        onSessionEnd: () => void recheck(),
        onGap: () => {
          for (const listener of gapListeners.current) listener();
        },
        onEvent: (event) => {
          for (const listener of listeners.current) listener(event);
        },
      }),
    [recheck],
  );

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
  return (
    <FeedContext value={feed}>
      <ConnectionContext value={connection}>{children}</ConnectionContext>
    </FeedContext>
  );
}

export function useFeed(): FeedContextValue {
  const value = use(FeedContext);
  if (!value) throw new Error('useFeed needs a FeedProvider above it');
  return value;
}

export function useConnection(): ConnectionState {
  return use(ConnectionContext);
}

/** Calls `onChange` when a plugin was installed, changed, enabled, disabled, paused, resumed or removed. Null: any of them may have been. */
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

/** Calls `onChange` when one of this user's sessions was created or ended. Staff also receive events about other users. */
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
