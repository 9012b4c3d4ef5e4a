import { describe, expect, it } from 'vitest';
import {
  functionResult,
  functionRequest,
  guardRequest,
  type GuardedRequest,
} from '../../src/browser/hostRequests';
import type { HostFunction, HostResponse } from '../../src/browser/messages';

const HOST = { origin: 'http://127.0.0.1:8000', token: 'hbx_secret' };
const USERS = 'http://hostbridge.invalid/host/v1/users';
const NONE = new Uint8Array();

function bytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

function text(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}

function ask(request: unknown, body: Uint8Array = NONE): GuardedRequest {
  const found = guardRequest(bytes(request), body, HOST);
  if ('status' in found) throw new Error(text(found.body));
  return found;
}

function refusal(request: unknown, body: Uint8Array = NONE): HostResponse {
  const found = guardRequest(bytes(request), body, HOST);
  if ('url' in found) throw new Error(`It would go to ${found.url}`);
  return found;
}

describe('a request', () => {
  it('carries our token, and of the guest’s headers only the content type', () => {
    const headers = { authorization: 'Bearer hbs_x', cookie: 'a=b', 'CONTENT-TYPE': 'text/plain' };
    expect(ask({ method: 'put', url: `${USERS}/1`, headers }, bytes('hi'))).toEqual({
      url: new URL('http://127.0.0.1:8000/host/v1/users/1'),
      method: 'PUT',
      headers: { Authorization: 'Bearer hbx_secret', 'Content-Type': 'text/plain' },
      body: bytes('hi'),
    });
  });

  it('is a GET of JSON by default', () => {
    expect(ask({ url: USERS })).toMatchObject({
      method: 'GET',
      headers: { 'Content-Type': 'application/json' },
      body: null,
    });
  });

  it('is cut one byte over the limit, so that the host refuses it', () => {
    expect(ask({ method: 'POST', url: USERS }, new Uint8Array(3 << 20)).body?.length).toBe((1 << 20) + 1);
  });

  it.each([['not JSON'], ['null'], [{}], ['[]']])('that cannot be parsed is refused: %j', (request) => {
    expect(refusal(request).status).toBe(400);
  });

  it.each(['TRACE', 'CONNECT', 'OPTIONS', 'HEAD', 'BREW'])('by %s is refused', (method) => {
    expect(refusal({ method, url: USERS }).status).toBe(405);
  });

  it('with a body cannot be a GET', () => {
    expect(refusal({ url: USERS }, bytes('x')).status).toBe(400);
  });

  it('to another address gets the same bytes as on the server', () => {
    const answer = refusal({ url: 'http://example.com/' });
    expect(answer).toMatchObject({ status: 403, contentType: 'application/problem+json' });
    expect(text(answer.body)).toBe(
      '{"type": "urn:hostbridge:problem:network-not-granted", "title": "Network access not granted", ' +
        '"status": 403, "detail": "No network rule of the plugin covers this address and method, or an administrator has not granted that rule."}',
    );
  });
});

describe('a host function', () => {
  const operation = (changes: Partial<HostFunction>): HostFunction => ({
    name: 'db_x',
    method: 'PATCH',
    path: 'users/{uuid}/profile',
    fields_in: 'body',
    ...changes,
  });

  function request(changes: Partial<HostFunction>, payload: unknown): [unknown, string] {
    const found = functionRequest(operation(changes), bytes(payload));
    if ('status' in found) throw new Error(text(found.body));
    return [JSON.parse(text(found[0])), text(found[1])];
  }

  it('puts fields into path and body', () => {
    expect(request({}, { uuid: 'a/b', name: 'Ada' })).toEqual([
      { method: 'PATCH', url: `${USERS}/a%2Fb/profile` },
      '{"name":"Ada"}',
    ]);
  });

  it('puts fields into the query', () => {
    const changes = { method: 'GET', path: 'users', fields_in: 'query' } as const;
    expect(request(changes, { email: 'a&b@example.com', limit: 3 })).toEqual([
      { method: 'GET', url: `${USERS}?email=a%26b%40example.com&limit=3` },
      '',
    ]);
    expect(request(changes, '')).toEqual([{ method: 'GET', url: USERS }, '']);
  });

  it('sends unknown fields, so that the host refuses them', () => {
    expect(request({ fields_in: 'path', path: 'users' }, { x: 1 })[1]).toBe('{"x":1}');
  });

  it.each([
    ['[]', '"detail": "A host function takes one JSON object."'],
    ['null', '"detail": "A host function takes one JSON object."'],
    ['{"uuid": 1}', '"pointer": "/uuid"'],
    ['{"uuid": ""}', '"pointer": "/uuid"'],
    ['{', 'malformed-json'],
  ])('refuses %s', (payload, said) => {
    const found = functionRequest(operation({}), bytes(payload)) as HostResponse;
    expect(text(found.body)).toContain(said);
  });

  it('returns the data or the problem', () => {
    const answer = (status: number, body: string) =>
      text(functionResult({ status, contentType: '', body: bytes(body) }));
    expect(answer(200, '{"a":1}')).toBe('{"ok":true,"data":{"a":1}}');
    expect(answer(204, '')).toBe('{"ok":true,"data":null}');
    expect(answer(403, '{"status":403}')).toBe('{"ok":false,"error":{"status":403}}');
  });
});
