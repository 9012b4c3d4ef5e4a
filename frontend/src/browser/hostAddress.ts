// Which addresses a guest may ask for: the rule of the server's own bridge (plugins/runtime/bridge.py).

/** How a guest addresses its host, in a browser as on the server; no resolver knows this name (RFC 6761). */
export const GUEST_ORIGIN = 'http://hostbridge.invalid';
const PREFIX = '/host/v1/';
const LONGEST = 4096;
// Every route of the host API fits; whatever needs decoding or resolving ("..", "%2e", "//", "\") does not.
const SEGMENT = String.raw`(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._:-]+`;
const ADDRESS = new RegExp(String.raw`^(${SEGMENT}(?:/${SEGMENT})*)(\?[\x21\x24-\x7e]*)?$`);

export type Verdict = { url: URL } | { refused: 'elsewhere' | 'no-operation' };

/** Where the request really goes, on the host's origin and below its prefix, or why nowhere. */
export function hostAddress(asked: string, hostOrigin: string): Verdict {
  if (!asked.startsWith(GUEST_ORIGIN + PREFIX))
    return { refused: asked.startsWith(`${GUEST_ORIGIN}/`) ? 'no-operation' : 'elsewhere' };
  if (asked.length > LONGEST) return { refused: 'no-operation' };
  const rest = asked.slice((GUEST_ORIGIN + PREFIX).length);
  if (!ADDRESS.test(rest)) return { refused: 'no-operation' };
  const url = new URL(PREFIX + rest, hostOrigin);
  // The pattern leaves nothing to normalise; should that ever change, nothing gets out.
  if (url.origin !== new URL(hostOrigin).origin || !url.pathname.startsWith(PREFIX))
    return { refused: 'elsewhere' };
  return { url };
}
