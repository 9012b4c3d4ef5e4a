import { expect, test } from 'vitest';
import {
  ApiProblem,
  asProblem,
  errorFor,
  guestProblem,
  problemFromBody,
  problemFromResponse,
} from '../../src/lib/problem';

const answer = (body: string, status: number, headers: Record<string, string> = {}) =>
  problemFromResponse(new Response(body, { status, headers }));

test('a problem document becomes a typed problem', async () => {
  const problem = await answer(
    JSON.stringify({
      type: 'urn:hostbridge:problem:email-taken',
      title: 'This address is taken',
      status: 409,
      detail: 'Log in instead.',
      errors: [{ pointer: '/email', detail: 'Taken.' }],
    }),
    409,
    { 'Execution-Id': 'e1', 'Retry-After': '3', 'Server-Timing': 'run;dur=4' },
  );
  expect(problem).toMatchObject({
    code: 'email-taken',
    status: 409,
    title: 'This address is taken',
    detail: 'Log in instead.',
    executionId: 'e1',
    retryAfterSeconds: 3,
    timing: { run: 4 },
  });
  expect(errorFor(problem, 'email')).toBe('Taken.');
  expect(errorFor(problem, 'name')).toBeUndefined();
});

test('a response without a problem document gets a title and a hint', async () => {
  const problem = await answer('<html>Bad gateway</html>', 502);
  expect(problem).toMatchObject({ code: 'http-502', title: 'Server error' });
  expect(problem.detail).toContain('try again');
});

test('members of the wrong type are ignored', () => {
  const problem = problemFromBody(
    { title: 7, detail: null, errors: 'no', execution: 'e2' },
    400,
    new Headers(),
  );
  expect(problem).toMatchObject({ title: 'The request was refused', errors: [], executionId: 'e2' });
});

test('a Retry-After that is a date is left out', async () => {
  const problem = await answer('{}', 503, { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' });
  expect(problem.retryAfterSeconds).toBeNull();
});

test('a failed connection is a network problem', () => {
  expect(asProblem(new TypeError('Failed to fetch'))).toMatchObject({ code: 'network', status: 0 });
});

test('a problem stays itself, and any other error becomes one', () => {
  const problem = new ApiProblem({ code: 'x', status: 400, title: 'X' });
  expect(asProblem(problem)).toBe(problem);
  expect(asProblem(new Error('boom'))).toMatchObject({ code: 'unexpected', detail: 'boom' });
});

test("a plugin's error message is a problem as JSON, or text", () => {
  const spoken = {
    status: 422,
    code: 'invalid-csv',
    title: 'This is not valid CSV',
    detail: 'Line 3, column 1: it ends',
    errors: [{ pointer: '/text', detail: 'It ends.' }],
  };
  expect(guestProblem(JSON.stringify({ problem: spoken }))).toMatchObject(spoken);
  for (const text of ['out of luck', '7', '{}', '{"problem": 1}', '{"problem": {"code": "x"}}']) {
    expect(guestProblem(text)).toMatchObject({ code: 'plugin-error', status: 422, detail: text });
  }
});
