// Components that show the current time or a time relative to it.
import { useEffect, useState, useSyncExternalStore } from 'react';

/** The present moment, renewed every `everyMs` while the component is shown. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

const onSecond = new Set<() => void>();
let second = Date.now();
let ticking: ReturnType<typeof setInterval> | undefined;

/** What `write` makes of the present moment. Looked at each second, rendered anew only when it reads otherwise. */
export function useTimeText(write: (now: number) => string): string {
  return useSyncExternalStore(subscribeToSeconds, () => write(presentSecond()));
}

function presentSecond(): number {
  // The clock stands still as long as nobody looks at it.
  if (onSecond.size === 0) second = Date.now();
  return second;
}

/** One clock for all who show a time: hundreds may. */
function subscribeToSeconds(listener: () => void): () => void {
  if (onSecond.size === 0) {
    ticking = setInterval(() => {
      second = Date.now();
      for (const told of onSecond) told();
    }, 1000);
  }
  onSecond.add(listener);
  return () => {
    onSecond.delete(listener);
    if (onSecond.size === 0) clearInterval(ticking);
  };
}
