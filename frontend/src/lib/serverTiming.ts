// How long each part of a run took, as the Server-Timing header reports it.

export interface Timing {
  queue: number;
  start: number;
  run: number;
  host: number;
}

const PARTS = ['queue', 'start', 'run', 'host'] as const;

/** Reads a Server-Timing header (milliseconds); null when it holds none of our parts. */
export function parseServerTiming(header: string | null): Timing | null {
  if (!header) return null;
  const timing: Timing = { queue: 0, start: 0, run: 0, host: 0 };
  let found = false;
  for (const metric of header.split(',')) {
    const [name = '', ...parameters] = metric.split(';').map((part) => part.trim());
    const part = PARTS.find((known) => known === name.toLowerCase());
    const value = parameters.find((parameter) => /^dur\s*=/i.test(parameter))?.split('=')[1];
    const duration = Number(value?.trim().replace(/^"|"$/g, ''));
    if (!part || value === undefined || !Number.isFinite(duration)) continue;
    timing[part] = duration;
    found = true;
  }
  return found ? timing : null;
}
