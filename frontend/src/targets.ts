// Where each function was last run, for those that may run in both places. Kept in this browser, for its user.
import type { Target } from './types';

const PREFIX = 'hostbridge.target.';

interface Place {
  userId: string;
  slug: string;
  name: string;
}

/** The kept choice where the function still allows it, otherwise the usual one, if that is allowed. */
export function chosenTarget(place: Place, allowed: readonly Target[], usual: Target = 'server'): Target {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(key(place));
  } catch {
    // Blocked storage keeps no choices.
  }
  return (
    allowed.find((target) => target === kept) ??
    allowed.find((target) => target === usual) ??
    allowed[0] ??
    usual
  );
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
