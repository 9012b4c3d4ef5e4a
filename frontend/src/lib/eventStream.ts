// The live event stream: one WebSocket that comes back by itself, resumes after the last event it was told,
// and never tells an event twice.
import type { LiveEvent } from './types';

export type ConnectionState = 'live' | 'reconnecting' | 'offline';

export interface EventStreamOptions {
  onEvent: (event: LiveEvent) => void;
  onState: (state: ConnectionState) => void;
  /** The stream has begun, or the server no longer keeps all that was missed: what there is has to be fetched. */
  onGap: () => void;
  /** The server says that this session is over. */
  onSessionEnd: () => void;
  createSocket?: (after: string) => WebSocket;
  random?: () => number;
}

const CLOSE_NOT_LOGGED_IN = 4401;
const CLOSE_WRONG_ORIGIN = 4403;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** A connection that lasted this long counts as good, so that one that is accepted and cut is not hammered. */
const STABLE_MS = 5_000;
const OFFLINE_AFTER_FAILURES = 4;
const REMEMBERED_IDS = 500;

/** Starts the stream; returns how to stop it. */
export function openEventStream(options: EventStreamOptions): () => void {
  const createSocket = options.createSocket ?? ((after) => new WebSocket(eventsUrl(window.location, after)));
  const random = options.random ?? Math.random;
  const isNew = rememberIds(REMEMBERED_IDS);
  let lastId = '';
  let socket: WebSocket | null = null;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let live = false;
  let stopped = false;

  function connect(): void {
    clearTimeout(retryTimer);
    const opened = createSocket(lastId);
    socket = opened;
    let stableTimer: ReturnType<typeof setTimeout> | undefined;
    opened.onopen = () => {
      stableTimer = setTimeout(() => (failures = 0), STABLE_MS);
    };
    opened.onmessage = (message) => {
      const event = parseEvent(message.data);
      if (event && socket === opened) hear(event);
    };
    opened.onclose = (closing) => {
      clearTimeout(stableTimer);
      if (stopped || socket !== opened) return;
      socket = null;
      live = false;
      if (closing.code === CLOSE_NOT_LOGGED_IN || closing.code === CLOSE_WRONG_ORIGIN) {
        stop();
        options.onState('offline');
        if (closing.code === CLOSE_NOT_LOGGED_IN) options.onSessionEnd();
        return;
      }
      failures += 1;
      options.onState(failures >= OFFLINE_AFTER_FAILURES || !navigator.onLine ? 'offline' : 'reconnecting');
      retryTimer = setTimeout(connect, retryDelayMs(failures, random));
    };
  }

  function hear(event: LiveEvent): void {
    const begins = lastId === '';
    lastId = event.id;
    if (event.type === 'feed.ready') {
      live = true;
      options.onState('live');
      if (begins) options.onGap();
    } else if (event.type === 'feed.gap') {
      options.onGap();
    } else if (isNew(event.id)) {
      options.onEvent(event);
    }
  }

  /** The tab is looked at again: no reason to wait for the timer. */
  function hurry(): void {
    if (!stopped && !socket && document.visibilityState === 'visible') connect();
  }

  /** The network is back. An attempt that began without it may take long to fail, and counts for nothing. */
  function startAnew(): void {
    failures = 0;
    if (stopped || live) return;
    const vain = socket;
    connect();
    vain?.close();
  }

  function stop(): void {
    stopped = true;
    clearTimeout(retryTimer);
    window.removeEventListener('online', startAnew);
    document.removeEventListener('visibilitychange', hurry);
    socket?.close();
    socket = null;
  }

  window.addEventListener('online', startAnew);
  document.addEventListener('visibilitychange', hurry);
  options.onState('reconnecting');
  connect();
  return stop;
}

/** Doubles up to a ceiling, then takes a random half off: many clients do not come back in one wave. */
export function retryDelayMs(failures: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

/** A test for ids not seen among the last `limit`. */
export function rememberIds(limit: number): (id: string) => boolean {
  const seen = new Set<string>();
  return (id) => {
    if (seen.has(id)) return false;
    seen.add(id);
    if (seen.size > limit) {
      for (const oldest of seen) {
        seen.delete(oldest);
        break;
      }
    }
    return true;
  };
}

export function parseEvent(data: unknown): LiveEvent | null {
  try {
    const event = JSON.parse(String(data)) as Partial<LiveEvent> | null;
    return event && typeof event.id === 'string' && typeof event.type === 'string' && event.data
      ? (event as LiveEvent)
      : null;
  } catch {
    return null;
  }
}

/** `after` is the id of the last event that was told; empty at first. */
export function eventsUrl(page: { protocol: string; host: string }, after = ''): string {
  const address = `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/ws/v1/events`;
  return after ? `${address}?after=${encodeURIComponent(after)}` : address;
}
