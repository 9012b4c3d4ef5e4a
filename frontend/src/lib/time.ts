// Dates and times as text.

// Created once: creating one takes longer than rendering the rest of a row.
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const STEPS: [limitSeconds: number, secondsEach: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86_400, 3600, 'hour'],
  [Infinity, 86_400, 'day'],
];

/** "just now", "12 sec. ago", "yesterday". Never in the future, even if the clocks differ. */
export function relativeTime(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 5) return 'just now';
  for (const [limit, each, unit] of STEPS) {
    if (seconds < limit) return relative.format(-Math.floor(seconds / each), unit);
  }
  return '';
}

/** "in 3 days", "tomorrow", "in 5 hr."; "now" for a time in the past. */
export function timeLeft(iso: string, now: number): string {
  const seconds = Math.max(0, (Date.parse(iso) - now) / 1000);
  if (seconds < 60) return 'now';
  if (seconds < 3600) return relative.format(Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return relative.format(Math.floor(seconds / 3600), 'hour');
  return relative.format(Math.floor(seconds / 86_400), 'day');
}

export function fullTime(iso: string): string {
  return full.format(new Date(iso));
}

/** The time of day with milliseconds. */
export function clockTime(iso: string): string {
  return clock.format(new Date(iso));
}

export function dayOf(iso: string): string {
  return day.format(new Date(iso));
}
