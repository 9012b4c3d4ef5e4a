// What tabs of one browser tell each other: they share the session's cookie.
export type TabNews = 'logged-in' | 'logged-out';

const CHANNEL = 'hostbridge.session';

export function tellOtherTabs(news: TabNews): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(news);
  channel.close();
}

/** Calls `listener` with what other tabs tell; returns how to stop. */
export function onOtherTab(listener: (news: TabNews) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    if (data === 'logged-in' || data === 'logged-out') listener(data);
  };
  return () => channel.close();
}
