// Whether the server can be reached, as far as the browser and the last request know.
import { useSyncExternalStore } from 'react';

let reachable = true;
const listeners = new Set<() => void>();

/** Every request says how it went: an answer of any kind, or none. */
export function setReachable(now: boolean): void {
  if (now === reachable) return;
  reachable = now;
  for (const listener of listeners) listener();
}

/** False without a network, and after a request that got no answer. */
export function useReachable(): boolean {
  return useSyncExternalStore(subscribe, () => reachable && navigator.onLine);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}
