// Components that show the current time or a time relative to it.
import { useEffect, useState, useSyncExternalStore } from 'react';

/** The current time, updated every `everyMs` while the component is mounted. */
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

/** A text that depends on the current time. Computed every second; the component renders again only if the text changes. */
export function useTimeText(write: (now: number) => string): string {
  return useSyncExternalStore(subscribeToSeconds, () => write(currentSecond()));
}

function currentSecond(): number {
  // Without listeners the clock does not tick.
  if (onSecond.size === 0) second = Date.now();
  return second;
}

/** One timer for all components that show a time; there may be hundreds. */
function subscribeToSeconds(listener: () => void): () => void {
  if (onSecond.size === 0) {
    ticking = setInterval(() => {
      second = Date.now();
      for (const notify of onSecond) notify();
    }, 1000);
  }
  onSecond.add(listener);
  return () => {
    onSecond.delete(listener);
    if (onSecond.size === 0) clearInterval(ticking);
  };
}
