// Loads data when its inputs change, with states for loading, loaded and failed.
import { useCallback, useEffect, useState } from 'react';
import { asProblem, type ApiProblem } from '../lib/problem';

export type Loaded<Value> =
  { status: 'loading' } | { status: 'loaded'; value: Value } | { status: 'failed'; problem: ApiProblem };

/** `load` must be stable (useCallback). `reload` keeps the old value until the new one arrives; `put` sets a newer value. */
export function useLoaded<Value>(load: (signal: AbortSignal) => Promise<Value>): {
  state: Loaded<Value>;
  retry: () => void;
  reload: () => void;
  put: (value: Value) => void;
} {
  const [attempt, setAttempt] = useState(0);
  const [settled, setSettled] = useState<{ load: typeof load; state: Loaded<Value> } | null>(null);

  useEffect(() => {
    const controller = new AbortController();
    load(controller.signal).then(
      (value) => setSettled({ load, state: { status: 'loaded', value } }),
      (error: unknown) => {
        if (!controller.signal.aborted)
          setSettled({ load, state: { status: 'failed', problem: asProblem(error) } });
      },
    );
    return () => controller.abort();
  }, [load, attempt]);

  const reload = useCallback(() => setAttempt((count) => count + 1), []);
  const retry = useCallback(() => {
    setSettled(null);
    reload();
  }, [reload]);
  const put = useCallback((value: Value) => setSettled({ load, state: { status: 'loaded', value } }), [load]);
  // Never shows data of other inputs.
  const state: Loaded<Value> = settled?.load === load ? settled.state : { status: 'loading' };
  return { state, retry, reload, put };
}
