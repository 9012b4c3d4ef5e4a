// One run at a time of one function: begins it, cancels it, and has what came of the last one.
import { useCallback, useEffect, useRef, useState } from 'react';
import { useFeed, useWatchEnd } from './activity';
import { cancelExecution } from './api';
import { recogniseRun } from './ownRun';
import { asProblem } from './problem';
import { run as runCall, type Call, type Outcome } from './runner';
import { useSession } from './session';
import { useToasts } from './toasts';
import type { Target } from './types';

/** What came of a call. */
export interface Finished<Asked extends Call = Call> {
  call: Asked;
  outcome: Outcome;
}

/** A run that is under way. */
export interface Going {
  /** In milliseconds, as Date.now() tells them. */
  since: number;
  target: Target;
  /** How much of a file is sent to the server, from 0 to 1; null where nothing is. */
  sent: number | null;
}

export interface Run<Asked extends Call> {
  /** Null before the first one; the result of before stays while another goes on, or when that is given up. */
  finished: Finished<Asked> | null;
  /** Null if none goes on, or none for long enough to be shown. */
  going: Going | null;
  /** Whether one goes on at this moment. */
  isGoing: () => boolean;
  /** Begins a run, in place of the one that goes on. Resolves to null when it is given up. */
  begin: (call: Asked, target: Target) => Promise<Outcome | null>;
  /** Ends it where it runs. Leaving the page does not: a run on the server then goes on, and is in the history. */
  cancel: () => void;
}

/** What takes no longer is felt as instant: to show it as under way would flicker, and slow it down. */
const SHOWN_AFTER_MS = 100;

export function useRun<Asked extends Call = Call>(): Run<Asked> {
  const [finished, setFinished] = useState<Finished<Asked> | null>(null);
  const [going, setGoing] = useState<Going | null>(null);
  const current = useRef<AbortController>(null);
  const idOnServer = useRef<() => string | null>(null);
  const { user } = useSession();
  const { subscribe } = useFeed();
  const { show } = useToasts();
  const watchEnd = useWatchEnd();

  const leave = useCallback(() => current.current?.abort(), []);
  useEffect(() => leave, [leave]);

  const begin = useCallback(
    async (call: Asked, target: Target) => {
      leave();
      const controller = (current.current = new AbortController());
      let state: Going = { since: Date.now(), target, sent: null };
      let isShown = false;
      const tell = () => {
        if (current.current === controller && isShown) setGoing(state);
      };
      const own = target === 'server' ? recogniseRun(call, user?.id) : null;
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
          setGoing(null);
        }
      }
    },
    [leave, watchEnd, subscribe, user],
  );

  const cancel = useCallback(() => {
    const id = idOnServer.current?.() ?? null;
    leave();
    if (going?.target !== 'server' || (going.sent !== null && going.sent < 1)) return;
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
  }, [leave, going, show]);

  const isGoing = useCallback(() => current.current !== null && !current.current.signal.aborted, []);

  return { finished, going, isGoing, begin, cancel };
}
