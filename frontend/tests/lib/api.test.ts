// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { run } from '../../src/executions/run/runFunction';
import {
  callFunction,
  cursorOf,
  getSession,
  listExecutions,
  listPlugins,
  logIn,
  onSessionEnd,
  readCookie,
} from '../../src/lib/api';
import { describeOutput } from '../../src/lib/output';
import { ApiProblem } from '../../src/lib/problem';

const fetchMock = vi.fn<typeof fetch>();
const json = (body: unknown, init: ResponseInit = {}) => new Response(JSON.stringify(body), init);
const problem = (code: string, status: number, headers: Record<string, string> = {}) =>
  json({ type: `urn:hostbridge:problem:${code}`, title: code, status }, { status, headers });
const sentHeaders = (call = 0) => new Headers(fetchMock.mock.calls[call]?.[1]?.headers);

beforeEach(() => {
  fetchMock.mockReset();
  vi.stubGlobal('fetch', fetchMock);
  document.cookie = 'csrftoken=secret';
});

afterEach(() => {
  vi.unstubAllGlobals();
  document.cookie = 'csrftoken=; max-age=0';
});

test('unsafe requests carry the CSRF token, safe ones do not', async () => {
  fetchMock.mockImplementation(async () => json({ user: null, session: null }));
  await logIn({ email: 'a@example.com', password: 'x' });
  await getSession();
  expect(sentHeaders(0).get('X-CSRFToken')).toBe('secret');
  expect(sentHeaders(0).get('Content-Type')).toBe('application/json');
  expect(sentHeaders(1).has('X-CSRFToken')).toBe(false);
  expect(fetchMock.mock.calls[0]?.[1]?.credentials).toBe('same-origin');
});

test('a missing token is fetched first', async () => {
  document.cookie = 'csrftoken=; max-age=0';
  fetchMock.mockImplementation(async () => {
    document.cookie = 'csrftoken=fresh';
    return json({ user: null, session: null });
  });
  await logIn({ email: 'a@example.com', password: 'x' });
  expect(fetchMock.mock.calls[0]?.[0]).toBe('/api/v1/auth/session');
  expect(sentHeaders(1).get('X-CSRFToken')).toBe('fresh');
});

test('a failure is thrown as a problem', async () => {
  fetchMock.mockResolvedValue(problem('invalid-credentials', 401));
  await expect(logIn({ email: 'a@example.com', password: 'x' })).rejects.toMatchObject({
    code: 'invalid-credentials',
  });
  fetchMock.mockRejectedValue(new TypeError('Failed to fetch'));
  await expect(getSession()).rejects.toMatchObject({ code: 'network' });
});

test('the end of the session is reported, unless a plugin returned the same code', async () => {
  const listener = vi.fn();
  const stop = onSessionEnd(listener);
  const call = { slug: 'auth', name: 'verify_session', body: '{}', contentType: 'application/json' };
  fetchMock.mockResolvedValueOnce(problem('session-expired', 401, { 'Execution-Id': 'e1' }));
  await expect(callFunction(call)).rejects.toBeInstanceOf(ApiProblem);
  expect(listener).not.toHaveBeenCalled();
  fetchMock.mockResolvedValueOnce(problem('session-expired', 401));
  await expect(callFunction(call)).rejects.toBeInstanceOf(ApiProblem);
  expect(listener).toHaveBeenCalledOnce();
  stop();
});

test('all pages of the catalogue are fetched', async () => {
  fetchMock
    .mockResolvedValueOnce(
      json({ next: 'http://elsewhere.invalid/?page=2', previous: null, results: [{ slug: 'a' }] }),
    )
    .mockResolvedValueOnce(json({ next: null, previous: null, results: [{ slug: 'b' }] }));
  expect((await listPlugins()).map((plugin) => plugin.slug)).toEqual(['a', 'b']);
  expect(fetchMock.mock.calls[1]?.[0]).toBe('/api/v1/plugins?page=2&page_size=100');
});

test('a cookie is found by its whole name', () => {
  expect(readCookie('csrftoken', 'xcsrftoken=1; csrftoken=a%20b')).toBe('a b');
  expect(readCookie('csrftoken', '')).toBe('');
});

test('a run gives its output, timing and id, and a failed run its problem', async () => {
  const call = { slug: 'template', name: 'greet', body: '{}', contentType: 'application/json' };
  const headers = { 'Execution-Id': 'e1', 'Server-Timing': 'run;dur=2' };
  fetchMock.mockResolvedValueOnce(json({ message: 'Hi' }, { headers }));
  const { signal } = new AbortController();
  expect(await run(call, 'server', signal)).toMatchObject({
    ok: true,
    executionId: 'e1',
    timing: { run: 2 },
  });
  fetchMock.mockResolvedValueOnce(problem('plugin-error', 422, headers));
  expect(await run(call, 'server', signal)).toMatchObject({
    ok: false,
    executionId: 'e1',
    problem: { code: 'plugin-error' },
  });
});

test('output is classified as JSON, text or binary', () => {
  const bytes = (text: string) => new Uint8Array(new TextEncoder().encode(text));
  expect(describeOutput(bytes('{"a":1}'))).toMatchObject({ kind: 'json', text: '{"a":1}', isWhole: true });
  expect(describeOutput(bytes('héllo'))).toMatchObject({ kind: 'text', text: 'héllo', isWhole: true });
  expect(describeOutput(new Uint8Array([0xff, 0xfe]))).toMatchObject({ kind: 'binary', text: '' });
});

test('only the beginning of a huge output is decoded, and all of it is available', () => {
  const beginning = 64 << 10;
  // The beginning ends within the first é, and the rest is not JSON.
  const text = '['.padEnd(beginning - 1) + 'é'.repeat(500_000);
  const data = new Uint8Array(new TextEncoder().encode(text));
  const output = describeOutput(data);
  expect(output).toMatchObject({ kind: 'json', isWhole: false });
  expect(output.text).toBe(text.slice(0, beginning - 1));
  expect(output.data).toBe(data);
});

test('a byte-order mark is not shown but stays in the data', () => {
  const output = describeOutput(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]));
  expect(output).toMatchObject({ kind: 'json', text: '1' });
  expect(output.data).toHaveLength(4);
});

test('only filters that are set are sent', async () => {
  fetchMock.mockImplementation(async () => json({ next: null, results: [] }));
  await listExecutions({ pageSize: 25 });
  await listExecutions({ pageSize: 25, state: 'failed', plugin: '', cursor: 'a=b' });
  expect(fetchMock.mock.calls.map(([url]) => url)).toEqual([
    '/api/v1/executions?page_size=25',
    '/api/v1/executions?page_size=25&state=failed&cursor=a%3Db',
  ]);
});

test('the cursor is read from the address of the next page', () => {
  expect(cursorOf('http://127.0.0.1:8000/api/v1/executions?cursor=cD0x%3D&page_size=25')).toBe('cD0x=');
  expect(cursorOf('/api/v1/executions?cursor=x')).toBe('x');
  expect(cursorOf(null)).toBeNull();
  expect(cursorOf(undefined)).toBeNull();
});
