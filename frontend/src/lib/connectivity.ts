// Whether the server can be reached, judging by the browser and the last request.

/** `down`: there is no network. `silent`: there is a network, but the last request got no response. */
export type Network = 'up' | 'silent' | 'down';

let responds = true;
const listeners = new Set<() => void>();

/** Every request reports whether it got a response, of any kind. */
export function setReachable(now: boolean): void {
  if (now === responds) return;
  responds = now;
  for (const listener of listeners) listener();
}

export function currentNetwork(): Network {
  if (!navigator.onLine) return 'down';
  return responds ? 'up' : 'silent';
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
