// The live event stream: a WebSocket that reconnects automatically, resumes after the last event that it received, and
// never delivers an event twice.
import type { LiveEvent } from './types';

export type ConnectionState = 'live' | 'reconnecting' | 'offline';

export interface EventStreamOptions {
  onEvent: (event: LiveEvent) => void;
  onState: (state: ConnectionState) => void;
  /** The stream has started, or the server no longer has all missed events: data must be fetched again. */
  onGap: () => void;
  /** The server says that this session has ended. */
  onSessionEnd: () => void;
  createSocket?: (after: string) => WebSocket;
  random?: () => number;
}

const CLOSE_NOT_LOGGED_IN = 4401;
const CLOSE_WRONG_ORIGIN = 4403;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** A connection that lasted this long resets the delay. Without this, a server that accepts and drops connections would be flooded. */
const STABLE_MS = 5_000;
const OFFLINE_AFTER_FAILURES = 4;
const REMEMBERED_IDS = 500;

/** Starts the stream. Returns a function that stops it. */
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
      if (event && socket === opened) receive(event);
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

  function receive(event: LiveEvent): void {
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

  /** The tab is visible again: reconnect without waiting for the timer. */
  function reconnectNow(): void {
    if (!stopped && !socket && document.visibilityState === 'visible') connect();
  }

  /** The network is back. Replaces an attempt that started without it and may take long to fail. */
  function restart(): void {
    failures = 0;
    if (stopped || live) return;
    const pending = socket;
    connect();
    pending?.close();
  }

  function stop(): void {
    stopped = true;
    clearTimeout(retryTimer);
    window.removeEventListener('online', restart);
    document.removeEventListener('visibilitychange', reconnectNow);
    socket?.close();
    socket = null;
  }

  window.addEventListener('online', restart);
  document.addEventListener('visibilitychange', reconnectNow);
  options.onState('reconnecting');
  connect();
  return stop;
}

/** Doubles up to a maximum, then subtracts up to half at random, so that clients do not all reconnect at once. */
export function retryDelayMs(failures: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + random() / 2));
}

/** Returns a function that tells whether an id is new, compared with the last `limit` ids. */
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

/** `after` is the id of the last received event; empty at first. */
export function eventsUrl(page: { protocol: string; host: string }, after = ''): string {
  const address = `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/ws/v1/events`;
  return after ? `${address}?after=${encodeURIComponent(after)}` : address;
}
