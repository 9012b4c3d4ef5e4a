// One run at a time of one function: begins it, gives it up, and has what came of the last one.
import { useCallback, useEffect, useRef, useState } from 'react';
import { run as runCall, type Call, type Outcome } from './runner';
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
  /** Null if none goes on. */
  going: Going | null;
  /** Begins a run, in place of the one that goes on. Resolves to null when it is given up. */
  begin: (call: Asked, target: Target) => Promise<Outcome | null>;
  cancel: () => void;
}

export function useRun<Asked extends Call = Call>(): Run<Asked> {
  const [finished, setFinished] = useState<Finished<Asked> | null>(null);
  const [going, setGoing] = useState<Going | null>(null);
  const current = useRef<AbortController>(null);

  const cancel = useCallback(() => current.current?.abort(), []);
  useEffect(() => cancel, [cancel]);

  const begin = useCallback(
    async (call: Asked, target: Target) => {
      cancel();
      const controller = (current.current = new AbortController());
      const started = { since: Date.now(), target, sent: null };
      setGoing(started);
      const onProgress = (sent: number) => {
        if (current.current === controller) setGoing({ ...started, sent });
      };
      try {
        const outcome = await runCall(call, target, controller.signal, onProgress);
        if (controller.signal.aborted) return null; // the result came as it was given up
        setFinished({ call, outcome });
        return outcome;
      } catch {
        return null; // only giving up ends here
      } finally {
        if (current.current === controller) setGoing(null);
      }
    },
    [cancel],
  );

  return { finished, going, begin, cancel };
}
