import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { MemoryRouter } from 'react-router';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { App } from '../../src/app/App';
import { SessionProvider } from '../../src/hooks/useSession';
import { notifyOtherTabs } from '../../src/lib/otherTabs';

const alice = { id: 'alice', email: 'alice@example.com', name: 'Alice', is_staff: false };
const greet = {
  name: 'greet',
  title: 'Greet',
  description: 'Says hello.',
  access: 'user',
  targets: ['server'],
  max_input_bytes: 1000,
  input_schema: {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string', title: 'Name' } },
  },
};
const template = {
  slug: 'template',
  title: 'Template',
  description: 'A start.',
  version: '1.0.0',
  enabled: true,
  state: 'enabled',
  active_version: '1.0.0',
  pending: null,
  watching: false,
  can_manage: false,
  license: 'MIT',
  sha256: 'ab',
  size_bytes: 10,
  installed_at: '2026-05-04T12:00:00Z',
  functions: [
    greet,
    { ...greet, name: 'purge', title: 'Purge', access: 'staff' },
    { ...greet, name: 'shout', title: 'Shout', input_schema: null },
    { ...greet, name: 'unlock', title: 'Unlock', input_schema: null, sensitive: true },
  ],
  permissions: [],
  network: [],
  limits: {
    timeout_ms: 1000,
    memory_mb: 64,
    fuel: 0,
    max_input_kb: 100,
    max_output_kb: 100,
    max_host_calls: 10,
    max_bridge_kb: 100,
    concurrency: 0,
  },
  paused: '',
};

/** A fake server, with state that the tests change. */
let server: { needsOwner: boolean; loggedIn: boolean; holdsCalls: boolean; calls: string[] };

async function answer(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const path = String(input).replace('/api/v1', '');
  const json = (body: unknown, status = 200, headers = {}) =>
    new Response(JSON.stringify(body), { status, headers });
  const expired = json(
    { type: 'urn:hostbridge:problem:session-expired', title: 'Session ended', status: 401 },
    401,
  );
  if (path === '/setup') return json({ needed: server.needsOwner });
  if (path === '/auth/session') return json({ user: server.loggedIn ? alice : null, session: null });
  if (path === '/users/me' && server.loggedIn) return json({ ...alice, ...JSON.parse(String(init.body)) });
  if (path === '/auth/login') {
    server.loggedIn = true;
    return json({ user: alice, session: null });
  }
  if (!server.loggedIn) return expired;
  if (['/tokens', '/sessions', '/permissions'].some((list) => path.startsWith(list)))
    return json({ next: null, results: [] });
  if (path.startsWith('/executions')) return json({ next: null, previous: null, results: [] });
  if (path.includes('/call/')) {
    server.calls.push(String(init.body));
    if (server.holdsCalls)
      return new Promise((_, reject) =>
        init.signal?.addEventListener('abort', () => reject(new DOMException('Given up', 'AbortError'))),
      );
    return json({ message: 'Hello' }, 200, { 'Execution-Id': 'e1', 'Server-Timing': 'run;dur=3' });
  }
  if (path.startsWith('/plugins?')) return json({ next: null, previous: null, results: [template] });
  return path === '/plugins/template' ? json(template) : json({ title: 'Not found', status: 404 }, 404);
}

function open(path: string) {
  return render(
    <MemoryRouter initialEntries={[path]}>
      <SessionProvider>
        <App />
      </SessionProvider>
    </MemoryRouter>,
  );
}

/** The Run button waits for the form, which loads separately. */
async function clickRun() {
  const run = screen.getByRole<HTMLButtonElement>('button', { name: 'Run' });
  await waitFor(() => expect(run.disabled).toBe(false));
  fireEvent.click(run);
}

async function logInAgain() {
  expect(await screen.findByText('Your session has ended')).toBeTruthy();
  fireEvent.change(screen.getByLabelText('E-mail'), { target: { value: 'alice@example.com' } });
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'a long password' } });
  fireEvent.click(screen.getByRole('button', { name: 'Log in' }));
}

beforeEach(() => {
  server = { needsOwner: false, loggedIn: true, holdsCalls: false, calls: [] };
  document.cookie = 'csrftoken=secret';
  sessionStorage.clear();
  vi.stubGlobal('fetch', vi.fn(answer));
  vi.stubGlobal(
    'WebSocket',
    class {
      close() {}
    },
  );
  vi.stubGlobal('matchMedia', () => ({ matches: true, addEventListener() {}, removeEventListener() {} }));
  Element.prototype.scrollIntoView = () => {};
  URL.createObjectURL = () => 'blob:x';
  URL.revokeObjectURL = () => {};
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test('every address shows the set-up page while there is no owner', async () => {
  server.needsOwner = true;
  open('/plugins/template');
  expect(await screen.findByRole('button', { name: 'Create owner account' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Create owner account' }));
  const code = screen.getByLabelText('One-time code');
  expect(code.getAttribute('aria-invalid')).toBe('true');
  expect(document.getElementById(code.getAttribute('aria-describedby') ?? '')?.textContent).toBe(
    'Fill in this field.',
  );
  expect(document.activeElement).toBe(code);
});

test('a function is run from its form', async () => {
  open('/plugins/template');
  fireEvent.change(await screen.findByLabelText('Name'), {
    target: { value: 'Ada' },
  });
  await clickRun();
  const result = await screen.findByRole('region', { name: 'Result' });
  expect(within(result).getByText('Succeeded')).toBeTruthy();
  expect(within(result).getByText('e1')).toBeTruthy();
  expect(server.calls).toEqual(['{"name":"Ada"}']);
});

test('a missing value is reported at its field, and nothing is sent', async () => {
  open('/plugins/template/greet');
  await screen.findByLabelText('Name');
  await clickRun();
  expect(await screen.findByText('Fill in this field.')).toBeTruthy();
  expect(screen.getByLabelText('Name').getAttribute('aria-describedby')).toContain('error');
  expect(server.calls).toEqual([]);
});

test('switching between form and raw keeps the data', async () => {
  open('/plugins/template/greet');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Ada' } });
  fireEvent.click(screen.getByRole('button', { name: 'Raw JSON' }));
  const raw = screen.getByLabelText<HTMLTextAreaElement>('Input as JSON');
  expect(JSON.parse(raw.value)).toEqual({ name: 'Ada' });
  fireEvent.change(raw, { target: { value: '{"name": ' } });
  fireEvent.click(screen.getByRole('button', { name: 'Form' }));
  expect(screen.getByRole('alert').textContent).toContain('not valid JSON');
  fireEvent.change(raw, { target: { value: '{"name": "Bob"}' } });
  fireEvent.click(screen.getByRole('button', { name: 'Form' }));
  expect((await screen.findByLabelText<HTMLInputElement>('Name')).value).toBe('Bob');
});

test('after an expired session, log-in restores the page and its input', async () => {
  open('/plugins/template/greet');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Ada' } });
  server.loggedIn = false;
  await clickRun();
  await logInAgain();
  expect((await screen.findByLabelText<HTMLInputElement>('Name')).value).toBe('Ada');
});

test.each([
  ['/profile', 'Name', 'Save', 'Alice Liddell'],
  ['/tokens', 'Name', 'Create token', 'nightly backup'],
  ['/plugins/template/shout', 'Input', 'Run', 'hello'],
])('input on %s survives an expired session', async (path, label, button, typed) => {
  open(path);
  const field = await screen.findByLabelText(label);
  fireEvent.change(field, { target: { value: typed } });
  server.loggedIn = false;
  fireEvent.click(screen.getByRole('button', { name: button }));
  await logInAgain();
  expect((await screen.findByLabelText<HTMLInputElement>(label)).value).toBe(typed);
});

test('possible secrets are not stored', async () => {
  open('/plugins/template/unlock');
  fireEvent.change(await screen.findByLabelText('Input'), { target: { value: 'sesame' } });
  expect(screen.getByLabelText<HTMLTextAreaElement>('Input').value).toBe('sesame');
  expect(sessionStorage.length).toBe(0);
});

test('saving the name deletes its draft', async () => {
  open('/profile');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Alice Liddell' } });
  fireEvent.click(screen.getByRole('button', { name: 'Save' }));
  await screen.findByText('Name saved');
  expect(screen.getByLabelText<HTMLInputElement>('Name').value).toBe('Alice Liddell');
  expect(sessionStorage.length).toBe(0);
});

test('logging out in another tab is shown, and deletes drafts', async () => {
  open('/plugins/template/shout');
  fireEvent.change(await screen.findByLabelText('Input'), { target: { value: 'hello' } });
  expect(sessionStorage.length).toBe(1);
  notifyOtherTabs('logged-out');
  expect(await screen.findByText('You are logged out.')).toBeTruthy();
  expect(sessionStorage.length).toBe(0);
});

test('a function for administrators is shown to others, but cannot be run', async () => {
  open('/plugins/template/purge');
  expect(await screen.findByText('Only administrators may run this function.')).toBeTruthy();
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Run' }).disabled).toBe(true);
});

test('unknown plugins, functions and addresses show a message', async () => {
  open('/plugins/nope');
  expect(await screen.findByRole('heading', { name: 'There is no plugin named “nope”' })).toBeTruthy();
  cleanup();
  open('/plugins/template/nope');
  expect(await screen.findByText('There is no function named “nope”')).toBeTruthy();
  cleanup();
  open('/nowhere');
  await waitFor(() => expect(document.title).toBe('Not found · Hostbridge'));
});

test('cancelling a run without a known execution says where it may continue', async () => {
  server.holdsCalls = true;
  open('/plugins/template/shout');
  fireEvent.change(await screen.findByLabelText('Input'), { target: { value: 'hello' } });
  await clickRun();
  fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }));
  expect(await screen.findByText('No longer waiting for the result')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull();
  expect(screen.queryByRole('region', { name: 'Result' })).toBeNull();
});

test('fast typing in the search loses no letters', async () => {
  open('/plugins?search=shell');
  const field = await screen.findByRole<HTMLInputElement>('searchbox');
  expect(field.value).toBe('shell');
  await screen.findByText('No plugins match “shell”');
  act(() => {
    // React applies the address only at the end: no letter may depend on it.
    for (const words of ['t', 'te', 'tem']) {
      fireEvent.change(field, { target: { value: words } });
      expect(field.value).toBe(words);
    }
  });
  expect(await screen.findByRole('link', { name: 'Template' })).toBeTruthy();
  fireEvent.blur(field);
  expect(field.value).toBe('tem');
});

test('a short run shows no progress, and a second press starts no second run', async () => {
  open('/plugins/template/shout');
  fireEvent.change(await screen.findByLabelText('Input'), { target: { value: 'hello' } });
  await clickRun();
  fireEvent.click(screen.getByRole('button', { name: 'Run' }));
  expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull();
  expect(await screen.findByRole('region', { name: 'Result' })).toBeTruthy();
  expect(server.calls).toEqual(['hello']);
  await clickRun();
  await waitFor(() => expect(server.calls).toEqual(['hello', 'hello']));
});
