// Sends a guest's requests to the host API. Every failure is a response with a problem, never a trap.
// The guest must get the same bytes as on the server, so these problems repeat the server's texts.
import { GUEST_ORIGIN, hostAddress } from './hostAddress';
import type { HostResponse, Host, HostFunction } from './messages';

/** A request that passed the checks, as it is sent over the network. */
export interface GuardedRequest {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer> | null;
}

const JSON_TYPE = 'application/json';
const MAX_REQUEST_BYTES = 1 << 20;
const MAX_ANSWER_BYTES = 4 << 20;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Checks a guest's request. Returns the request to send, or the response that refuses it. */
export function guardRequest(asked: Uint8Array, body: Uint8Array, host: Host): GuardedRequest | HostResponse {
  let request;
  try {
    request = readRequest(asked);
  } catch (error) {
    return invalidInput(`The request cannot be read: ${error}.`);
  }
  const verdict = hostAddress(request.url, host.origin);
  if ('refused' in verdict) return refusal(verdict.refused);
  const { method } = request;
  if (!METHODS.includes(method))
    return problem('method-not-allowed', 405, 'Method not allowed', `There is no ${method}.`);
  if (method === 'GET' && body.length > 0) return invalidInput('A GET takes no body.');
  return {
    url: verdict.url,
    method,
    // No other header of the guest reaches the host.
    headers: { Authorization: `Bearer ${host.token}`, 'Content-Type': request.contentType },
    // One byte over the limit, so that the host refuses it as too large.
    body: body.length > 0 ? body.slice(0, MAX_REQUEST_BYTES + 1) : null,
  };
}

/** https://extism.org/docs/concepts/http: JSON with `method`, `url` and `headers` (older: `header`). */
function readRequest(asked: Uint8Array): { method: string; url: string; contentType: string } {
  const { method, url, headers, header } = JSON.parse(new TextDecoder().decode(asked));
  if (url === undefined) throw new TypeError('it has no url');
  const given = Object.entries(headers ?? header ?? {});
  const contentType = given.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return {
    method: String(method || 'GET').toUpperCase(),
    url: String(url),
    contentType: contentType === undefined ? JSON_TYPE : String(contentType),
  };
}

/** Sends a request. Failed and aborted requests also return a response. */
export async function send({ url, ...init }: GuardedRequest, signal: AbortSignal): Promise<HostResponse> {
  try {
    const response = await fetch(url, {
      ...init,
      signal,
      mode: 'cors',
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    });
    const body = await bodyUpTo(response, MAX_ANSWER_BYTES);
    return body ? answerOf(response.status, response.headers.get('Content-Type'), body) : tooLarge();
  } catch {
    return unreachable();
  }
}

/** For browsers that cannot suspend a guest. It blocks only the guest's worker. */
export function sendSynchronously({ url, method, headers, body }: GuardedRequest): HostResponse {
  try {
    const request = new XMLHttpRequest();
    request.open(method, url, false);
    request.responseType = 'arraybuffer';
    request.withCredentials = false;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
    // XMLHttpRequest always follows redirects; this detects them.
    if (request.responseURL !== url.href) return unreachable();
    const received = new Uint8Array(request.response as ArrayBuffer);
    if (received.length > MAX_ANSWER_BYTES) return tooLarge();
    return answerOf(request.status, request.getResponseHeader('Content-Type'), received);
  } catch {
    return unreachable();
  }
}

/** Converts a call of the older interface, with all fields in one JSON object, to the same request. */
export function functionRequest(
  operation: HostFunction,
  payload: Uint8Array,
): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] | HostResponse {
  let fields: Record<string, unknown>;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload).trim();
    fields = text ? JSON.parse(text) : {};
  } catch (error) {
    return problem('malformed-json', 400, 'The body is not valid JSON', String(error));
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    return invalidInput('A host function takes one JSON object.');
  const left = new Map(Object.entries(fields));
  let path = operation.path;
  for (const [, name = ''] of operation.path.matchAll(/\{(\w+)\}/g)) {
    const value = left.get(name);
    left.delete(name);
    if (typeof value !== 'string' || value === '')
      return invalidInput('This field is required and must be text.', `/${name}`);
    path = path.replace(`{${name}}`, encodeURIComponent(value));
  }
  if (operation.fields_in === 'query' && left.size > 0) {
    const query = [...left].map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    path += `?${new URLSearchParams(query)}`;
    left.clear();
  }
  const hasBody = operation.fields_in === 'body' || left.size > 0;
  const request = { method: operation.method, url: `${GUEST_ORIGIN}/host/v1/${path}` };
  return [encode(request), hasBody ? encode(Object.fromEntries(left)) : new Uint8Array()];
}

/** The result of a host function: the data, or the problem. */
export function functionResult({ status, body }: HostResponse): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(body) || 'null';
  return new TextEncoder().encode(
    status < 400 ? `{"ok":true,"data":${text}}` : `{"ok":false,"error":${text}}`,
  );
}

function answerOf(status: number, contentType: string | null, body: Uint8Array<ArrayBuffer>): HostResponse {
  // An empty response has no content type on the wire. On the server, the guest gets this one.
  return { status, contentType: (body.length > 0 && contentType) || JSON_TYPE, body };
}

async function bodyUpTo(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (const reader = response.body?.getReader(); reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  chunks.reduce((position, chunk) => (whole.set(chunk, position), position + chunk.length), 0);
  return whole;
}

function refusal(reason: 'elsewhere' | 'no-operation'): HostResponse {
  if (reason === 'no-operation')
    return problem('not-found', 404, 'Not found', 'The host API has no such operation.');
  const detail =
    'No network rule of the plugin covers this address and method, or an administrator has not granted that rule.';
  return problem('network-not-granted', 403, 'Network access not granted', detail);
}

function invalidInput(detail: string, pointer?: string): HostResponse {
  const errors = pointer === undefined ? undefined : [{ pointer, detail }];
  return problem('invalid-input', 400, 'Invalid input', detail, errors);
}

function unreachable(): HostResponse {
  return problem('host-unreachable', 503, 'The host cannot be reached', 'The browser got no answer from it.');
}

function tooLarge(): HostResponse {
  const detail = `A plugin in a browser takes answers of at most ${MAX_ANSWER_BYTES} bytes.`;
  return problem('answer-too-large', 502, 'The answer is too large', detail);
}

function problem(
  code: string,
  status: number,
  title: string,
  detail: string,
  errors?: unknown,
): HostResponse {
  const body = new TextEncoder().encode(
    asServer({ type: `urn:hostbridge:problem:${code}`, title, status, detail, errors }),
  );
  return { status, contentType: 'application/problem+json', body };
}

/** JSON with the same white space and escapes as the server's. */
function asServer(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replace(/([{[])\n */g, '$1')
    .replace(/\n *([}\]])/g, '$1')
    .replace(/\n */g, ' ')
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
