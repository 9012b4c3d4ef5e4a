// One run at a time of one function: begins it, cancels it, and has what came of the last one.
import { useCallback, useEffect, useRef, useState } from 'react';
import { useFeed } from '../../hooks/useFeed';
import { useSession } from '../../hooks/useSession';
import { useToasts } from '../../hooks/useToasts';
import { cancelExecution } from '../../lib/api';
import { type Call, type Outcome } from '../../lib/calls';
import { asProblem } from '../../lib/problem';
import type { Target } from '../../lib/types';
import { useWatchEnd } from '../useExecutionEvents';
import { watchForOwnExecution } from './ownExecution';
import { run as runCall } from './runFunction';

/** What came of a call. */
export interface FinishedRun<Asked extends Call = Call> {
  call: Asked;
  outcome: Outcome;
}

/** A run that is under way. */
export interface ActiveRun {
  /** In milliseconds, as Date.now() tells them. */
  since: number;
  target: Target;
  /** How much of a file is sent to the server, from 0 to 1; null where nothing is. */
  sent: number | null;
}

export interface Run<Asked extends Call> {
  /** Null before the first one; the result of before stays while another goes on, or when that is given up. */
  finished: FinishedRun<Asked> | null;
  /** Null if none goes on, or none for long enough to be shown. */
  activeRun: ActiveRun | null;
  /** Whether one goes on at this moment. */
  isRunning: () => boolean;
  /** Begins a run, in place of the one that goes on. Resolves to null when it is given up. */
  start: (call: Asked, target: Target) => Promise<Outcome | null>;
  /** Ends it where it runs. Leaving the page does not: a run on the server then goes on, and is in the history. */
  cancel: () => void;
}

/** What takes no longer is felt as instant: to show it as under way would flicker, and slow it down. */
const SHOWN_AFTER_MS = 100;

export function useRun<Asked extends Call = Call>(): Run<Asked> {
  const [finished, setFinished] = useState<FinishedRun<Asked> | null>(null);
  const [activeRun, setActiveRun] = useState<ActiveRun | null>(null);
  const current = useRef<AbortController>(null);
  const idOnServer = useRef<() => string | null>(null);
  const { user } = useSession();
  const { subscribe } = useFeed();
  const { show } = useToasts();
  const watchEnd = useWatchEnd();

  const leave = useCallback(() => current.current?.abort(), []);
  useEffect(() => leave, [leave]);

  const start = useCallback(
    async (call: Asked, target: Target) => {
      leave();
      const controller = (current.current = new AbortController());
      let state: ActiveRun = { since: Date.now(), target, sent: null };
      let isShown = false;
      const tell = () => {
        if (current.current === controller && isShown) setActiveRun(state);
      };
      const own = target === 'server' ? watchForOwnExecution(call, user?.id) : null;
      const stopListening = own && subscribe(own.hear);
      idOnServer.current = own && own.id;
      const onProgress = (sent: number) => {
        state = { ...state, sent };
        tell();
      };
      const running = runCall(call, target, controller.signal, { onProgress, watchEnd });
      const timer = setTimeout(() => {
        isShown = true;
        tell();
      }, SHOWN_AFTER_MS);
      try {
        const outcome = await running;
        if (controller.signal.aborted) return null; // the result came as it was given up
        setFinished({ call, outcome });
        return outcome;
      } catch {
        return null; // only giving up ends here
      } finally {
        stopListening?.();
        clearTimeout(timer);
        if (current.current === controller) {
          current.current = null;
          setActiveRun(null);
        }
      }
    },
    [leave, watchEnd, subscribe, user],
  );

  const cancel = useCallback(() => {
    const id = idOnServer.current?.() ?? null;
    leave();
    if (activeRun?.target !== 'server' || (activeRun.sent !== null && activeRun.sent < 1)) return;
    if (id === null) {
      show({
        tone: 'neutral',
        title: 'You no longer wait for it',
        body: 'If it still runs on the server, it is among the executions and can be cancelled there.',
      });
      return;
    }
    cancelExecution(id).catch((error: unknown) => {
      const problem = asProblem(error);
      if (problem.code !== 'run-ended')
        show({ tone: 'danger', title: 'It may still run on the server', body: problem.message });
    });
  }, [leave, activeRun, show]);

  const isRunning = useCallback(() => current.current !== null && !current.current.signal.aborted, []);

  return { finished, activeRun, isRunning, start, cancel };
}
