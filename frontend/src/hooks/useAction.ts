// An action behind a button outside a form: `busy` while it runs, then `done` or `problem`.
import { useState } from 'react';
import { asProblem, type ApiProblem } from '../lib/problem';

export function useAction(action: () => Promise<void>): {
  run: () => void;
  busy: boolean;
  done: boolean;
  problem: ApiProblem | null;
} {
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);

  async function start() {
    setBusy(true);
    setProblem(null);
    try {
      await action();
      setDone(true);
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  }

  return { run: () => void start(), busy, done, problem };
}
