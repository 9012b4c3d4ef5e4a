// Where each function was last run, for functions that may run in both places. Stored in this browser, per user.
import type { Target } from '../../lib/types';

const PREFIX = 'hostbridge.target.';

interface FunctionKey {
  userId: string;
  slug: string;
  name: string;
}

/** The remembered target if the function still allows it, otherwise `usual` if allowed, otherwise the first allowed one. */
export function rememberedTarget(
  functionKey: FunctionKey,
  allowed: readonly Target[],
  usual: Target = 'server',
): Target {
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(key(functionKey));
  } catch {
    // Storage is blocked: nothing is remembered.
  }
  return (
    allowed.find((target) => target === remembered) ??
    allowed.find((target) => target === usual) ??
    allowed[0] ??
    usual
  );
}

export function rememberTarget(functionKey: FunctionKey, target: Target): void {
  try {
    localStorage.setItem(key(functionKey), target);
  } catch {
    // Storage is blocked: the choice lasts until the page is left.
  }
}

function key({ userId, slug, name }: FunctionKey): string {
  return `${PREFIX}${userId}/${slug}/${name}`;
}
