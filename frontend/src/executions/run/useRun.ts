// Runs one call at a time: starts it, cancels it, and keeps the last result.
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

/** A call and its outcome. */
export interface FinishedRun<Asked extends Call = Call> {
  call: Asked;
  outcome: Outcome;
}

/** A run in progress. */
export interface ActiveRun {
  /** The start, as milliseconds of Date.now(). */
  since: number;
  target: Target;
  /** The part of a file that has been sent to the server, from 0 to 1; null if no file is sent. */
  sent: number | null;
}

export interface Run<Asked extends Call> {
  /** Null before the first run. The previous result stays during the next run, and if that one is cancelled. */
  finished: FinishedRun<Asked> | null;
  /** Null if nothing is running, or not long enough to be shown. */
  activeRun: ActiveRun | null;
  /** Whether a run is in progress at this moment. */
  isRunning: () => boolean;
  /** Starts a run and aborts the one in progress. Resolves to null if it is aborted. */
  start: (call: Asked, target: Target) => Promise<Outcome | null>;
  /** Cancels the run, also on the server. Leaving the page does not: a run on the server then continues. */
  cancel: () => void;
}

/** Shorter runs feel instant. Showing their progress would flicker and slow them down. */
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
        if (controller.signal.aborted) return null; // aborted just as the result arrived
        setFinished({ call, outcome });
        return outcome;
      } catch {
        return null; // only an abort throws
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
        title: 'No longer waiting for the result',
        body: 'If it is still running on the server, you can cancel it on the Executions page.',
      });
      return;
    }
    cancelExecution(id).catch((error: unknown) => {
      const problem = asProblem(error);
      if (problem.code !== 'run-ended')
        show({ tone: 'danger', title: 'It may still be running on the server', body: problem.message });
    });
  }, [leave, activeRun, show]);

  const isRunning = useCallback(() => current.current !== null && !current.current.signal.aborted, []);

  return { finished, activeRun, isRunning, start, cancel };
}
