// Messages between the tabs of a browser, which share the session's cookie.
const MESSAGES = ['logged-in', 'logged-out', 'changed'] as const;
/** `changed`: something about the logged-in user changed. */
export type TabMessage = (typeof MESSAGES)[number];

const CHANNEL = 'hostbridge.session';

export function notifyOtherTabs(message: TabMessage): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(message);
  channel.close();
}

/** Calls `listener` with messages from other tabs. Returns a function that stops this. */
export function onTabMessage(listener: (message: TabMessage) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    const message = MESSAGES.find((known) => known === data);
    if (message) listener(message);
  };
  return () => channel.close();
}
