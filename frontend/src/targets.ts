// Where each function was last run, for those that may run in both places. Kept in this browser, for its user.
import type { Target } from './types';

const PREFIX = 'hostbridge.target.';

interface Place {
  userId: string;
  slug: string;
  name: string;
}

/** The kept choice where the function still allows it, otherwise its first: the server, where both are. */
export function chosenTarget(place: Place, allowed: readonly Target[]): Target {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(key(place));
  } catch {
    // Blocked storage keeps no choices.
  }
  const fallback = allowed.includes('server') ? 'server' : 'browser';
  return allowed.find((target) => target === kept) ?? fallback;
}

export function keepTarget(place: Place, target: Target): void {
  try {
    localStorage.setItem(key(place), target);
  } catch {
    // Then it has to be chosen again.
  }
}

function key({ userId, slug, name }: Place): string {
  return `${PREFIX}${userId}/${slug}/${name}`;
}
