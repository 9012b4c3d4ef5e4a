// Where each function was last run, for functions that may run in both places. Stored in this browser, per user.
import type { Target } from '../../lib/types';

const PREFIX = 'hostbridge.target.';

interface FunctionKey {
  userId: string;
  slug: string;
  name: string;
}

/** The remembered choice where the function still allows it, otherwise the usual one, if that is allowed. */
export function rememberedTarget(
  functionKey: FunctionKey,
  allowed: readonly Target[],
  usual: Target = 'server',
): Target {
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(key(functionKey));
  } catch {
    // Blocked storage keeps no choices.
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
    // Then it has to be chosen again.
  }
}

function key({ userId, slug, name }: FunctionKey): string {
  return `${PREFIX}${userId}/${slug}/${name}`;
}
