// Whether the server can be reached, as far as the browser and the last request know.

/** `down`: there is no network. `silent`: there is one, but the last request got no answer. */
export type Network = 'up' | 'silent' | 'down';

let answers = true;
const listeners = new Set<() => void>();

/** Every request says how it went: an answer of any kind, or none. */
export function setReachable(now: boolean): void {
  if (now === answers) return;
  answers = now;
  for (const listener of listeners) listener();
}

export function currentNetwork(): Network {
  if (!navigator.onLine) return 'down';
  return answers ? 'up' : 'silent';
}

export function subscribeToNetwork(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}
