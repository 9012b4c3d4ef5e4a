// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventsUrl, openEventStream, parseEvent, rememberIds, retryDelayMs } from '../../src/lib/eventStream';

/** A fake WebSocket: the tests decide when it opens, sends and closes. */
class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((closing: { code: number }) => void) | null = null;
  close = vi.fn();
  constructor(readonly after: string) {}
  mark(type: 'feed.ready' | 'feed.gap', id: string) {
    this.onmessage?.({ data: JSON.stringify({ id, type, at: '', data: {} }) });
  }
  say(id: string) {
    this.onmessage?.({
      data: JSON.stringify({ id, type: 'plugin.changed', at: '', data: { slug: 'x', state: 'enabled' } }),
    });
  }
}

let sockets: FakeSocket[];
const last = () => sockets[sockets.length - 1] as FakeSocket;
const callbacks = { onEvent: vi.fn(), onState: vi.fn(), onGap: vi.fn(), onSessionEnd: vi.fn() };
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetAllMocks();
  sockets = [];
  stop = openEventStream({
    ...callbacks,
    random: () => 1,
    createSocket: (after) => {
      sockets.push(new FakeSocket(after));
      return last() as unknown as WebSocket;
    },
  });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

test('events are delivered, without duplicates', () => {
  last().onopen?.();
  last().mark('feed.ready', '0-0');
  last().say('1');
  last().say('1');
  last().say('2');
  expect(callbacks.onEvent.mock.calls.map(([event]) => event.id)).toEqual(['1', '2']);
  expect(callbacks.onState).toHaveBeenLastCalledWith('live');
});

test('after a reconnect it resumes after the last event, without duplicates', () => {
  expect(last().after).toBe('');
  last().onopen?.();
  last().mark('feed.ready', '0-0');
  last().say('1');
  last().onclose?.({ code: 1006 });
  expect(callbacks.onState).toHaveBeenLastCalledWith('reconnecting');
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
  expect(last().after).toBe('1');
  last().onopen?.();
  last().say('1');
  last().say('2');
  last().mark('feed.ready', '3-0');
  expect(callbacks.onEvent).toHaveBeenCalledTimes(2);
  expect(callbacks.onState).toHaveBeenLastCalledWith('live');
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(1000);
  expect(last().after).toBe('3-0');
});

test('a gap is reported at the start and after lost events, and only then', () => {
  last().mark('feed.ready', '7-0');
  expect(callbacks.onGap).toHaveBeenCalledTimes(1);
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(500);
  last().mark('feed.ready', '8-0');
  expect(callbacks.onGap).toHaveBeenCalledTimes(1);
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(1000);
  last().mark('feed.gap', '50-0');
  last().mark('feed.ready', '60-0');
  expect(callbacks.onGap).toHaveBeenCalledTimes(2);
});

test('it is live once the server has caught up, not when the socket opens', () => {
  last().onopen?.();
  expect(callbacks.onState).toHaveBeenLastCalledWith('reconnecting');
  last().mark('feed.ready', '7-0');
  expect(callbacks.onState).toHaveBeenLastCalledWith('live');
});

test('the delay grows with each failure, and the state becomes offline', () => {
  for (const wait of [500, 1000, 2000, 4000]) {
    last().onclose?.({ code: 1006 });
    const before = sockets.length;
    vi.advanceTimersByTime(wait - 1);
    expect(sockets).toHaveLength(before);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(before + 1);
  }
  expect(callbacks.onState).toHaveBeenLastCalledWith('offline');
});

test('only a stable connection resets the delay', () => {
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(500);
  last().onopen?.();
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
  vi.advanceTimersByTime(500);
  last().onopen?.();
  vi.advanceTimersByTime(5000);
  last().onclose?.({ code: 1006 });
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(4);
});

test('the end of the session is reported and not retried', () => {
  last().onopen?.();
  last().onclose?.({ code: 4401 });
  vi.advanceTimersByTime(120_000);
  expect(callbacks.onSessionEnd).toHaveBeenCalledOnce();
  expect(sockets).toHaveLength(1);
});

test('a refused origin is not retried either', () => {
  last().onclose?.({ code: 4403 });
  vi.advanceTimersByTime(120_000);
  expect(callbacks.onSessionEnd).not.toHaveBeenCalled();
  expect(callbacks.onState).toHaveBeenLastCalledWith('offline');
  expect(sockets).toHaveLength(1);
});

test('it reconnects as soon as the network is back', () => {
  last().onclose?.({ code: 1006 });
  window.dispatchEvent(new Event('online'));
  expect(sockets).toHaveLength(2);
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(2);
});

test('an attempt without a network is replaced when the network is back', () => {
  for (let failure = 0; failure < 4; failure += 1) {
    last().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(4_000);
  }
  const vain = last();
  window.dispatchEvent(new Event('online'));
  expect(vain.close).toHaveBeenCalled();
  expect(sockets).toHaveLength(6);
  vain.onclose?.({ code: 1006 });
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(6);

  // Earlier failures do not lengthen the delay.
  last().onclose?.({ code: 1006 });
  expect(callbacks.onState).toHaveBeenLastCalledWith('reconnecting');
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(7);
});

test('a connection that survived the loss of the network continues', () => {
  last().onopen?.();
  last().mark('feed.ready', '0-0');
  window.dispatchEvent(new Event('online'));
  expect(sockets).toHaveLength(1);
});

test('stopping closes the socket and calls nothing', () => {
  last().onopen?.();
  stop();
  expect(last().close).toHaveBeenCalled();
  last().onclose?.({ code: 1000 });
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
});

test('the delay is capped and randomised', () => {
  expect(retryDelayMs(1, () => 0)).toBe(250);
  expect(retryDelayMs(1, () => 1)).toBe(500);
  expect(retryDelayMs(50, () => 1)).toBe(30_000);
});

test('only a limited number of ids is remembered', () => {
  const isNew = rememberIds(2);
  expect([isNew('a'), isNew('b'), isNew('a'), isNew('c'), isNew('a')]).toEqual([
    true,
    true,
    false,
    true,
    true,
  ]);
});

test.each(['', 'null', '[]', '{"id": 1}', '{"id": "1", "type": "x"}', 'hello'])('%j is no event', (data) => {
  expect(parseEvent(data)).toBeNull();
});

test("the WebSocket address follows the page's address", () => {
  expect(eventsUrl({ protocol: 'https:', host: 'a.example' })).toBe('wss://a.example/ws/v1/events');
  expect(eventsUrl({ protocol: 'https:', host: 'a.example' }, '7-1')).toBe(
    'wss://a.example/ws/v1/events?after=7-1',
  );
  expect(eventsUrl({ protocol: 'http:', host: '127.0.0.1:8000' })).toBe('ws://127.0.0.1:8000/ws/v1/events');
});
