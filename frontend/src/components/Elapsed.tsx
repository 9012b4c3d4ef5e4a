import { useNow } from '../time';

/** Seconds since `since`, once there has been one. */
export function Elapsed({ since }: { since: number }) {
  const seconds = (useNow(100) - since) / 1000;
  return seconds < 1 ? null : <span className="elapsed">{seconds.toFixed(1)} s</span>;
}
