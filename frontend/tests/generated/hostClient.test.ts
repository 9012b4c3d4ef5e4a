/** A client made from the host API's document: it sends what the types say. */
import createClient from 'openapi-fetch';
import { expect, test } from 'vitest';
import type { paths } from '../../src/generated/host';

function client(answer: Response) {
  const sent: Request[] = [];
  const api = createClient<paths>({
    baseUrl: 'http://host.example',
    headers: { Authorization: 'Bearer hbx_token' },
    fetch: (request) => {
      sent.push(request);
      return Promise.resolve(answer);
    },
  });
  return { api, sent };
}

test('a typed call sends the documented request', async () => {
  const { api, sent } = client(Response.json({ key: 'a.key', version: 7, expires_at: null }));
  const { data } = await api.PUT('/host/v1/kv/{key}', {
    params: { path: { key: 'a.key' } },
    body: { value: { n: 1 }, if_version: 0 },
  });
  expect(data?.version).toBe(7);
  expect(sent[0]?.url).toBe('http://host.example/host/v1/kv/a.key');
  expect(await sent[0]?.json()).toEqual({ value: { n: 1 }, if_version: 0 });
});

test('a refused call returns a typed problem', async () => {
  const problem = {
    type: 'urn:hostbridge:problem:operation-not-granted',
    title: 'No',
    status: 403,
    detail: 'No.',
  };
  const { api } = client(
    Response.json(problem, { status: 403, headers: { 'Content-Type': 'application/problem+json' } }),
  );
  const { data, error } = await api.GET('/host/v1/users', { params: { query: { email: 'a@b.example' } } });
  expect(data).toBeUndefined();
  expect(error?.type).toBe(problem.type);
});

/** Never called: the type check is the test. It fails if one of these calls becomes valid. */
export function whatTheDocumentDoesNotKnow(api: ReturnType<typeof client>['api']) {
  return [
    // @ts-expect-error -- there is no such address
    api.GET('/host/v1/nothing', {}),
    // @ts-expect-error -- a session needs its user
    api.POST('/host/v1/sessions', { body: { ttl_seconds: 60 } }),
  ];
}
