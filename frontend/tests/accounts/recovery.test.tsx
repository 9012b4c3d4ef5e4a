import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { BrowserRouter } from 'react-router';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { tokenIn } from '../../src/accounts/useLinkToken';
import { App } from '../../src/app/App';
import { SessionProvider } from '../../src/hooks/useSession';

interface Person {
  id: string;
  email: string;
  name: string;
  email_verified: boolean;
  is_staff: boolean;
}

const alice: Person = {
  id: 'alice',
  email: 'alice@example.com',
  name: 'Alice',
  email_verified: false,
  is_staff: false,
};
const bob: Person = { ...alice, id: 'bob', email: 'bob@example.com' };

const PASSWORD = 'a long walk at dusk';
const NEW_PASSWORD = 'a short nap at noon';

/** A fake server, with state that the tests change. */
let server: {
  user: Person | null;
  /** The account that the link with the token "good" belongs to. */
  owner: Person;
  used: boolean;
  sendsMail: boolean;
  calls: { path: string; body: Record<string, string> }[];
};

function json(body: unknown, status = 200) {
  return new Response(JSON.stringify(body), { status });
}

function refusal(status: number, code: string, title: string, members = {}) {
  return json({ type: `urn:hostbridge:problem:${code}`, title, status, ...members }, status);
}

function invalid(pointer: string, detail: string) {
  return refusal(400, 'invalid-input', 'Check your input', { errors: [{ pointer, detail }] });
}

const dead = () => refusal(400, 'token-invalid', 'This link no longer works', { detail: 'Ask for another.' });

async function answer(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const path = String(input).replace('/api/v1', '');
  if (path === '/setup') return json({ needed: false });
  if (path === '/auth/session') return json({ user: server.user, session: null });
  if (init.method !== 'POST')
    return server.user
      ? json({ next: null, previous: null, results: [] })
      : refusal(401, 'session-expired', 'Session ended');

  const body = JSON.parse(String(init.body)) as Record<string, string>;
  server.calls.push({ path, body });
  const weak = (password = '') => password.length < 8;
  const isGood = body.token === 'good' && !server.used;
  switch (path) {
    case '/auth/signup':
      return json({ user: alice }, 201);
    case '/auth/request-email-verification':
    case '/auth/request-password-reset':
      return server.sendsMail
        ? new Response(null, { status: 202 })
        : refusal(503, 'email-not-sent', 'The e-mail could not be sent');
    case '/auth/verify-email':
      if (!isGood) return dead();
      server.used = true;
      return json({ user: { ...server.owner, email_verified: true } });
    case '/auth/reset-password':
      if (!isGood) return dead();
      if (weak(body.password)) return invalid('/password', 'This password is too short.');
      server.used = true;
      if (server.user?.id === server.owner.id) server.user = null;
      return new Response(null, { status: 204 });
    case '/auth/change-password':
      if (body.current_password !== PASSWORD)
        return invalid('/current_password', 'This is not your password.');
      if (weak(body.new_password)) return invalid('/new_password', 'This password is too short.');
      return new Response(null, { status: 204 });
  }
  return refusal(404, 'not-found', 'Not found');
}

/** Uses the browser's address instead of a memory router, because these tests check the address. */
function open(address: string) {
  window.history.replaceState(null, '', address);
  return render(
    <BrowserRouter>
      <SessionProvider>
        <App />
      </SessionProvider>
    </BrowserRouter>,
  );
}

function fill(label: string, value: string) {
  fireEvent.change(screen.getByLabelText(label), { target: { value } });
}

function press(name: string) {
  fireEvent.click(screen.getByRole('button', { name }));
}

function sentTo(path: string) {
  return server.calls.filter((call) => call.path === path).map((call) => call.body);
}

async function goToProfile() {
  fireEvent.click(await screen.findByRole('button', { name: 'Account menu' }));
  fireEvent.click(screen.getByRole('link', { name: 'Profile' }));
}

const status = () => screen.findByRole('status');

beforeEach(() => {
  server = { user: null, owner: alice, used: false, sendsMail: true, calls: [] };
  document.cookie = 'csrftoken=secret';
  sessionStorage.clear();
  localStorage.clear();
  vi.stubGlobal('fetch', vi.fn(answer));
  vi.stubGlobal(
    'WebSocket',
    class {
      close() {}
    },
  );
  vi.stubGlobal('matchMedia', () => ({ matches: true, addEventListener() {}, removeEventListener() {} }));
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test.each([
  ['#token=abc', 'abc'],
  ['#token=ab-c_1&x=2', 'ab-c_1'],
  ['#token=', ''],
  ['#abc', ''],
  ['', ''],
])('the token in %j is %j', (hash, token) => {
  expect(tokenIn(hash)).toBe(token);
});

test('the forgotten-password form starts with the address from log-in, and can be sent again', async () => {
  open('/login');
  await screen.findByRole('heading', { name: 'Log in' });
  fill('E-mail', 'alice@example.com');
  fireEvent.click(screen.getByRole('link', { name: 'Forgot your password?' }));
  await screen.findByRole('heading', { name: 'Forgot your password?' });
  expect(screen.getByLabelText<HTMLInputElement>('E-mail').value).toBe('alice@example.com');
  press('Send link');
  expect((await screen.findByText(/If there is an account for/)).textContent).toBe(
    'If there is an account for alice@example.com, we sent it a link. The link works once and expires after one hour.',
  );
  expect(document.activeElement).toBe(screen.getByRole('heading', { level: 1 }));
  expect(sentTo('/auth/request-password-reset')).toEqual([{ email: 'alice@example.com' }]);

  press('Try again');
  expect(screen.getByLabelText<HTMLInputElement>('E-mail').value).toBe('alice@example.com');
  server.sendsMail = false;
  press('Send link');
  expect((await screen.findByRole('alert')).textContent).toContain('The e-mail could not be sent');
});

test('the token of a link is removed from the address and stored nowhere', async () => {
  const entries = window.history.length;
  open('/reset-password#token=good');
  await screen.findByLabelText('New password');
  await waitFor(() => expect(window.location.href).toMatch(/\/reset-password$/));
  expect(window.history.length).toBe(entries);
  const kept = JSON.stringify([window.history.state, { ...sessionStorage }, { ...localStorage }]);
  expect(kept).not.toContain('good');
  expect(document.documentElement.outerHTML).not.toContain('good');
});

test('a weak password is reported at its field, and the link stays valid', async () => {
  open('/reset-password#token=good');
  await screen.findByLabelText('New password');
  const field = screen.getByLabelText('New password');
  expect(field.getAttribute('autocomplete')).toBe('new-password');
  fill('New password', 'short');
  press('Change password');
  expect(await screen.findByText('This password is too short.')).toBeTruthy();
  expect(field.getAttribute('aria-invalid')).toBe('true');
  expect(document.activeElement).toBe(field);
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeTruthy();
  expect((await status()).textContent).toBe('Your password was changedLog in with the new password.');
  expect(sentTo('/auth/reset-password')).toEqual([
    { token: 'good', password: 'short' },
    { token: 'good', password: NEW_PASSWORD },
  ]);
});

test('resetting the password logs out this browser, without a message about expiry', async () => {
  server.user = alice;
  open('/reset-password#token=good');
  await screen.findByLabelText('New password');
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect((await screen.findByText('Your password was changed')).textContent).toBeTruthy();
  expect(screen.getByLabelText<HTMLInputElement>('E-mail').value).toBe('alice@example.com');
  expect(screen.queryByText('Your session has ended')).toBeNull();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('resetting the password of another account keeps this session, and says so', async () => {
  server.user = bob;
  open('/reset-password#token=good');
  await screen.findByLabelText('New password');
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect(await screen.findByRole('heading', { name: 'The password was changed' })).toBeTruthy();
  expect((await status()).textContent).toContain('bob@example.com is still logged in');
  expect(screen.getByRole('link', { name: 'Go to the home page' })).toBeTruthy();
});

test.each(['/reset-password', '/reset-password#token='])('%s is an incomplete link', async (address) => {
  open(address);
  expect(await screen.findByText('This link is incomplete')).toBeTruthy();
  expect(screen.queryByLabelText('New password')).toBeNull();
  expect(screen.getByRole('link', { name: 'Request a new link' }).getAttribute('href')).toBe(
    '/forgot-password',
  );
});

test('an invalid link offers a new one; a second link in the same tab replaces it', async () => {
  open('/reset-password#token=old');
  await screen.findByLabelText('New password');
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect(await screen.findByText('This link no longer works')).toBeTruthy();
  expect(screen.getByRole('link', { name: 'Request a new link' })).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole('heading', { level: 1 }));

  window.location.hash = '#token=good';
  await screen.findByLabelText('New password');
  await waitFor(() => expect(window.location.hash).toBe(''));
});

test('an address is confirmed only by the button, no matter who is logged in', async () => {
  open('/verify-email#token=good');
  await screen.findByRole('button', { name: 'Confirm address' });
  await waitFor(() => expect(window.location.href).toMatch(/\/verify-email$/));
  expect(server.calls).toEqual([]);
  press('Confirm address');
  expect((await status()).textContent).toContain('alice@example.com is confirmed');
  expect(sentTo('/auth/verify-email')).toEqual([{ token: 'good' }]);
  fireEvent.click(screen.getByRole('link', { name: 'Log in' }));
  expect((await screen.findByLabelText<HTMLInputElement>('E-mail')).value).toBe('alice@example.com');
});

test('the profile shows a newly confirmed address', async () => {
  server.user = alice;
  open('/verify-email#token=good');
  fireEvent.click(await screen.findByRole('button', { name: 'Confirm address' }));
  server.user = { ...alice, email_verified: true };
  fireEvent.click(await screen.findByRole('link', { name: 'Go to the home page' }));
  await goToProfile();
  expect(await screen.findByText('Confirmed')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Send link' })).toBeNull();
});

test("confirming another user's address does not change the own account", async () => {
  server.user = bob;
  open('/verify-email#token=good');
  fireEvent.click(await screen.findByRole('button', { name: 'Confirm address' }));
  expect((await status()).textContent).toContain('alice@example.com is confirmed');
  fireEvent.click(screen.getByRole('link', { name: 'Go to the home page' }));
  await goToProfile();
  expect(await screen.findByText('Not confirmed')).toBeTruthy();
});

test('an invalid link offers a new link to logged-in users, and log-in to others', async () => {
  server.user = alice;
  open('/verify-email#token=old');
  fireEvent.click(await screen.findByRole('button', { name: 'Confirm address' }));
  expect(await screen.findByText('This link no longer works')).toBeTruthy();
  press('Send a new link');
  expect(await screen.findByText('Link sent')).toBeTruthy();
  expect(sentTo('/auth/request-email-verification')).toEqual([{ email: 'alice@example.com' }]);
  cleanup();

  server.user = { ...alice, email_verified: true };
  open('/verify-email');
  expect(await screen.findByText(/is already confirmed/)).toBeTruthy();
  cleanup();

  server.user = null;
  open('/verify-email');
  expect(await screen.findByText('This link is incomplete')).toBeTruthy();
  fireEvent.click(screen.getByRole('link', { name: 'Log in' }));
  expect(await screen.findByRole('heading', { name: 'Log in' })).toBeTruthy();
});

test.each([
  [true, /We sent a link to alice@example.com/],
  [false, /^Log in with the password you just chose\.$/],
])('whether or not the e-mail goes out (%s), a sign-up succeeds', async (sendsMail, text) => {
  server.sendsMail = sendsMail;
  open('/signup');
  await screen.findByRole('heading', { name: 'Create your account' });
  fill('Name', 'Alice');
  fill('E-mail', 'alice@example.com');
  fill('Password', PASSWORD);
  press('Sign up');
  expect(await screen.findByText('Your account is ready')).toBeTruthy();
  expect(screen.getByText(text)).toBeTruthy();
  expect(screen.queryByRole('alert')).toBeNull();
  expect(sentTo('/auth/request-email-verification')).toEqual([{ email: 'alice@example.com' }]);
});

test('the profile sends the link, or shows the error', async () => {
  server.user = alice;
  server.sendsMail = false;
  open('/profile');
  fireEvent.click(await screen.findByRole('button', { name: 'Send link' }));
  expect((await screen.findByRole('alert')).textContent).toContain('The e-mail could not be sent');
  server.sendsMail = true;
  press('Send link');
  expect(await screen.findByText('Link sent')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Send link' })).toBeNull();
});

test('changing the password reloads the sessions', async () => {
  server.user = alice;
  open('/profile');
  const section = within(await screen.findByRole('region', { name: 'Change your password' }));
  const [current, chosen] = ['Current password', 'New password'].map((label) =>
    section.getByLabelText<HTMLInputElement>(label),
  );
  expect(current?.autocomplete).toBe('current-password');
  expect(chosen?.autocomplete).toBe('new-password');
  const name = document.querySelector<HTMLInputElement>('input[name="username"]');
  expect([name?.autocomplete, name?.value]).toEqual(['username', 'alice@example.com']);

  fill('Current password', 'not it');
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect(await screen.findByText('This is not your password.')).toBeTruthy();
  expect(document.activeElement).toBe(current);
  fill('Current password', PASSWORD);
  fill('New password', 'short');
  press('Change password');
  expect(await screen.findByText('This password is too short.')).toBeTruthy();
  expect(document.activeElement).toBe(chosen);
  expect(sessionStorage.length).toBe(0);

  const listed = () =>
    vi.mocked(fetch).mock.calls.filter(([url]) => String(url).includes('/sessions')).length;
  const before = listed();
  fill('New password', NEW_PASSWORD);
  press('Change password');
  expect(await screen.findByText('Password changed')).toBeTruthy();
  expect(screen.getByText('You were logged out everywhere else.')).toBeTruthy();
  expect([current?.value, chosen?.value]).toEqual(['', '']);
  await waitFor(() => expect(listed()).toBe(before + 1));
});
