// Whether this browser can run plugins at all. The worker itself checks its isolation.

/** What is missing, as a sentence; null if nothing is. */
export function missingFeature(scope: typeof globalThis = globalThis): string | null {
  if (typeof scope.WebAssembly !== 'object' || typeof scope.Worker !== 'function')
    return 'This browser does not support WebAssembly or web workers, or they are disabled.';
  if (!scope.crypto?.subtle)
    return 'Plugins run in the browser only on pages served over HTTPS or from this computer.';
  return null;
}
