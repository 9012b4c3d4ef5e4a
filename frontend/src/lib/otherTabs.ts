// What tabs of one browser tell each other: they share the session's cookie.
const NEWS = ['logged-in', 'logged-out', 'changed'] as const;
/** Changed: something about the person who is logged in. */
export type TabMessage = (typeof NEWS)[number];

const CHANNEL = 'hostbridge.session';

export function notifyOtherTabs(news: TabMessage): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(news);
  channel.close();
}

/** Calls `listener` with what other tabs tell; returns how to stop. */
export function onTabMessage(listener: (news: TabMessage) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    const news = NEWS.find((known) => known === data);
    if (news) listener(news);
  };
  return () => channel.close();
}
