// The session: who is logged in. Loaded once, then updated on log-in, log-out and expiry, also from other tabs.
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import * as api from '../lib/api';
import { clearDrafts } from '../lib/drafts';
import { onTabMessage, notifyOtherTabs } from '../lib/otherTabs';
import { asProblem, type ApiProblem } from '../lib/problem';
import type { User } from '../lib/types';

export type SessionState =
  | { status: 'loading' }
  | { status: 'failed'; problem: ApiProblem }
  | { status: 'setup' }
  | { status: 'ready'; user: User | null; ended: 'expired' | 'logged-out' | null };

interface SessionContextValue {
  state: SessionState;
  user: User | null;
  retry: () => void;
  logIn: (credentials: { email: string; password: string }) => Promise<void>;
  logOut: () => Promise<void>;
  /** Deletes the account and everything that belongs to it. */
  deleteAccount: (password: string) => Promise<void>;
  /** Sets a new password with the token of an e-mail link. Returns who is still logged in here, if it is another user. */
  resetPassword: (reset: { token: string; password: string }) => Promise<User | null>;
  /** Updates the displayed user after a change. */
  update: (user: User) => void;
  /** Asks the server again, after a sign that the session may have ended. */
  recheck: () => Promise<void>;
}

const SessionContext = createContext<SessionContextValue | null>(null);

const EXPIRED: SessionState = { status: 'ready', user: null, ended: 'expired' };

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ status: 'loading' });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let current = true;
    void loadSession().then((loaded) => {
      if (current) setState(loaded);
    });
    return () => {
      current = false;
    };
  }, [attempt]);

  useEffect(
    () =>
      api.onSessionEnd(() =>
        setState((before) => (before.status === 'ready' && before.user ? EXPIRED : before)),
      ),
    [],
  );

  const retry = useCallback(() => {
    setState({ status: 'loading' });
    setAttempt((count) => count + 1);
  }, []);

  const logIn = useCallback(async (credentials: { email: string; password: string }) => {
    const { user } = await api.logIn(credentials);
    setState({ status: 'ready', user, ended: null });
    notifyOtherTabs('logged-in');
  }, []);

  const leave = useCallback(() => {
    clearDrafts();
    setState({ status: 'ready', user: null, ended: 'logged-out' });
  }, []);

  const logOut = useCallback(async () => {
    try {
      await api.logOut();
    } catch (error) {
      // A session that has already ended counts as logged out. Other errors are reported.
      if (asProblem(error).status !== 401) throw error;
    }
    leave();
    notifyOtherTabs('logged-out');
  }, [leave]);

  const deleteAccount = useCallback(
    async (password: string) => {
      await api.deleteAccount(password);
      leave();
      notifyOtherTabs('logged-out');
    },
    [leave],
  );

  const resetPassword = useCallback(async (reset: { token: string; password: string }) => {
    await api.resetPassword(reset);
    const user = await api.getSession().then(
      (answer) => answer.user,
      () => null,
    );
    // If this ended the session, it did not expire: show no message about expiry.
    setState({ status: 'ready', user, ended: null });
    return user;
  }, []);

  const update = useCallback((user: User) => {
    setState((before) => (before.status === 'ready' && before.user ? { ...before, user } : before));
  }, []);

  const recheck = useCallback(async () => {
    try {
      const { user } = await api.getSession();
      setState((before) => {
        if (before.status !== 'ready' || !before.user) return before;
        return user ? { ...before, user } : EXPIRED;
      });
    } catch {
      // onSessionEnd reports an expired session. Without a network, the next request will find out.
    }
  }, []);

  useEffect(
    () =>
      onTabMessage((message) => {
        if (message === 'logged-out') leave();
        else if (message === 'changed') void recheck();
        // All tabs share the cookie. Without this, the tab would continue as another user and not show it.
        else void loadSession().then(setState);
      }),
    [leave, recheck],
  );

  const user = state.status === 'ready' ? state.user : null;
  const value = useMemo(
    () => ({ state, user, retry, logIn, logOut, deleteAccount, resetPassword, update, recheck }),
    [state, user, retry, logIn, logOut, deleteAccount, resetPassword, update, recheck],
  );
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useSession(): SessionContextValue {
  const value = use(SessionContext);
  if (!value) throw new Error('useSession needs a SessionProvider above it');
  return value;
}

async function loadSession(): Promise<SessionState> {
  try {
    const [setup, session] = await Promise.all([
      api.getSetup(),
      api.getSession().catch((error: unknown) => {
        if (asProblem(error).code === 'session-expired') return null;
        throw error;
      }),
    ]);
    if (setup.needed) return { status: 'setup' };
    return session ? { status: 'ready', user: session.user, ended: null } : EXPIRED;
  } catch (error) {
    return { status: 'failed', problem: asProblem(error) };
  }
}
