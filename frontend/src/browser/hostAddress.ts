// Which addresses a guest may request. The rule is the same as in the server's bridge (plugins/host/bridge.py).

/** The origin that a guest uses for its host, in a browser and on the server. No resolver knows this name (RFC 6761). */
export const GUEST_ORIGIN = 'http://hostbridge.invalid';
const PREFIX = '/host/v1/';
const LONGEST = 4096;
// Matches every route of the host API, and nothing that needs decoding or resolving ("..", "%2e", "//", "\").
const SEGMENT = String.raw`(?!\.{1,2}(?:/|\?|$))[A-Za-z0-9._:-]+`;
const ADDRESS = new RegExp(String.raw`^(${SEGMENT}(?:/${SEGMENT})*)(\?[\x21\x24-\x7e]*)?$`);

export type Verdict = { url: URL } | { refused: 'elsewhere' | 'no-operation' };

/** The real address of a request, on the host's origin and below its prefix, or why it is refused. */
export function hostAddress(asked: string, hostOrigin: string): Verdict {
  if (!asked.startsWith(GUEST_ORIGIN + PREFIX))
    return { refused: asked.startsWith(`${GUEST_ORIGIN}/`) ? 'no-operation' : 'elsewhere' };
  if (asked.length > LONGEST) return { refused: 'no-operation' };
  const rest = asked.slice((GUEST_ORIGIN + PREFIX).length);
  if (!ADDRESS.test(rest)) return { refused: 'no-operation' };
  const url = new URL(PREFIX + rest, hostOrigin);
  // The pattern leaves nothing to normalise. This check still holds if that ever changes.
  if (url.origin !== new URL(hostOrigin).origin || !url.pathname.startsWith(PREFIX))
    return { refused: 'elsewhere' };
  return { url };
}
