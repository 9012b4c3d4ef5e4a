import { act, cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { OfflineBanner } from '../../src/app/OfflineBanner';
import { setReachable } from '../../src/lib/connectivity';
import type { ConnectionState } from '../../src/lib/eventStream';

let connection: ConnectionState = 'live';
vi.mock('../../src/hooks/useFeed', () => ({ useConnection: () => connection }));

const banner = () => screen.queryByText('You are offline.');

function network(is: 'online' | 'offline'): void {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(is === 'online');
  act(() => void window.dispatchEvent(new Event(is)));
}

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  setReachable(true);
  connection = 'live';
});

test('the banner is shown while there is no network', () => {
  render(<OfflineBanner />);
  expect(banner()).toBeNull();
  network('offline');
  expect(banner()).toBeTruthy();
  network('online');
  expect(banner()).toBeNull();
});

test('a failed request does not show the banner while the feed is connected', () => {
  render(<OfflineBanner />);
  network('offline');
  act(() => setReachable(false));
  network('online');
  expect(banner()).toBeNull();
});

test('an unreachable server shows the banner until a request succeeds or the feed is live', () => {
  connection = 'reconnecting';
  render(<OfflineBanner />);
  act(() => setReachable(false));
  expect(banner()).toBeTruthy();
  act(() => setReachable(true));
  expect(banner()).toBeNull();
});
