// Whether this browser can run plugins at all. The worker itself has the last word on its isolation.

/** What is missing, as a sentence; null when nothing is. */
export function missingFeature(scope: typeof globalThis = globalThis): string | null {
  if (typeof scope.WebAssembly !== 'object' || typeof scope.Worker !== 'function')
    return 'This browser has no WebAssembly or no workers, or they are turned off.';
  if (!scope.crypto?.subtle)
    return 'Browsers check a plugin’s bytes only on pages served by HTTPS or from this computer itself.';
  return null;
}
