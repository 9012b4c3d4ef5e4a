// Every HTTP request of the app is here. Failures are thrown as ApiProblem.
import { setReachable } from './connectivity';
import { fetchWithProgress } from './fetchWithProgress';
import { ApiProblem, asProblem, problemFromResponse } from './problem';
import type {
  AccessToken,
  Account,
  BrowserRun,
  Execution,
  ExecutionDetail,
  ExecutionState,
  Grants,
  Installed,
  NewAccessToken,
  Page,
  PermissionInfo,
  PluginDetail,
  PluginSummary,
  Problem,
  Release,
  Removed,
  RunReport,
  ServerStatus,
  Session,
  SessionAnswer,
  User,
} from './types';

const BASE = '/api/v1';
const SAFE_METHODS = new Set(['GET', 'HEAD']);
const SESSION_OVER = new Set(['session-expired', 'not-authenticated']);

const RUNS_PLUGINS = /^\/(plugins|executions)\//;

type SessionEndListener = (problem: ApiProblem) => void;
let sessionEndListener: SessionEndListener | null = null;

/** Calls `listener` whenever an answer says that the session is over; returns how to stop. */
export function onSessionEnd(listener: SessionEndListener): () => void {
  sessionEndListener = listener;
  return () => {
    if (sessionEndListener === listener) sessionEndListener = null;
  };
}

export function getSetup(): Promise<{ needed: boolean }> {
  return getJson('/setup');
}

export function createOwner(owner: {
  code: string;
  name: string;
  email: string;
  password: string;
}): Promise<{ user: User }> {
  return sendJson('POST', '/setup', owner);
}

/** Who is logged in; nobody is an answer, not an error. */
export function getSession(): Promise<SessionAnswer> {
  return getJson('/auth/session');
}

export function signUp(account: { name: string; email: string; password: string }): Promise<{ user: User }> {
  return sendJson('POST', '/auth/signup', account);
}

export function logIn(credentials: { email: string; password: string }): Promise<SessionAnswer> {
  return sendJson('POST', '/auth/login', credentials);
}

export async function logOut(): Promise<void> {
  await request('/auth/logout', { method: 'POST' });
}

export function changeAccount(changes: { name: string }): Promise<Account> {
  return sendJson('PATCH', '/users/me', changes);
}

/** There is no way back. */
export async function deleteAccount(password: string): Promise<void> {
  await send('DELETE', '/users/me', { password });
}

/** Sends a link to this address, if it belongs to an account that has not confirmed it. The answer does not tell. */
export async function requestEmailVerification(email: string): Promise<void> {
  await send('POST', '/auth/request-email-verification', { email });
}

/** Confirms the address that the link with this token went to; whose it is. */
export function verifyEmail(token: string): Promise<{ user: User }> {
  return sendJson('POST', '/auth/verify-email', { token });
}

/** Sends a link to this address, if there is an account for it. The answer does not tell. */
export async function requestPasswordReset(email: string): Promise<void> {
  await send('POST', '/auth/request-password-reset', { email });
}

/** Sets a new password by a link from an e-mail, and ends every session of its account. */
export async function resetPassword(reset: { token: string; password: string }): Promise<void> {
  await send('POST', '/auth/reset-password', reset);
}

/** Ends every other session of one's own. */
export async function changePassword(change: {
  current_password: string;
  new_password: string;
}): Promise<void> {
  await send('POST', '/auth/change-password', change);
}

/** Where this user is logged in, latest first. */
export function listSessions(signal?: AbortSignal): Promise<Session[]> {
  return allPages('/sessions', signal);
}

export async function endSession(id: string): Promise<void> {
  await request(`/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function endOtherSessions(): Promise<void> {
  await request('/sessions', { method: 'DELETE' });
}

/** The whole catalogue, page after page. */
export function listPlugins(signal?: AbortSignal): Promise<PluginSummary[]> {
  return allPages('/plugins', signal);
}

export function getPlugin(slug: string, signal?: AbortSignal): Promise<PluginDetail> {
  return getJson(pluginPath(slug), signal);
}

/** Turns a plugin on or off, sets all it may do from now on, or all its settings but the secret ones left out. */
export function changePlugin(
  slug: string,
  changes: { enabled: boolean } | Grants | { settings: Record<string, unknown> },
): Promise<PluginDetail> {
  return sendJson('PATCH', pluginPath(slug), changes);
}

/**
 * Installs a bundle. `onProgress` hears the part that is sent, from 0 to 1; at 1 the server looks at it.
 * Giving up by the signal rejects with an AbortError; once all is sent it changes nothing on the server.
 */
export async function installPlugin(
  bundle: File,
  { onProgress, signal }: { onProgress: (sent: number) => void; signal: AbortSignal },
): Promise<Installed> {
  const body = new FormData();
  body.append('bundle', bundle);
  const response = await request('/plugins', { method: 'POST', body, signal }, onProgress);
  return (await response.json()) as Installed;
}

/** For good; the answer says how much went with it. */
export async function removePlugin(slug: string): Promise<Removed> {
  const response = await request(pluginPath(slug), { method: 'DELETE' });
  return (await response.json()) as Removed;
}

/** For administrators: how plugins are confined here, and how large a bundle may be. */
export function getServer(signal?: AbortSignal): Promise<ServerStatus> {
  return getJson('/server', signal);
}

export function listReleases(slug: string, signal?: AbortSignal): Promise<Release[]> {
  return getJson(`${pluginPath(slug)}/releases`, signal);
}

/** This release serves from now on. It holds `grants`; left out, what the plugin holds and the release asks for. */
export function activateRelease(slug: string, version: string, grants?: Grants): Promise<PluginDetail> {
  return sendJson(
    'POST',
    `${pluginPath(slug)}/releases/${encodeURIComponent(version)}/activate`,
    grants ?? {},
  );
}

/** Whether this user hears what the plugin tells everybody who watches it. */
export async function watchPlugin(slug: string, watching: boolean): Promise<void> {
  await request(`${pluginPath(slug)}/watch`, { method: watching ? 'PUT' : 'DELETE' });
}

export interface ExecutionFilter {
  plugin?: string;
  /** Of that plugin. */
  name?: string;
  state?: ExecutionState;
}

export function listExecutions(
  { pageSize, cursor, plugin, name, state }: ExecutionFilter & { pageSize: number; cursor?: string },
  signal?: AbortSignal,
): Promise<Page<Execution>> {
  const query = new URLSearchParams({ page_size: String(pageSize) });
  for (const [key, value] of Object.entries({ plugin, function: name, state, cursor }))
    if (value) query.set(key, value);
  return getJson(`/executions?${query}`, signal);
}

/** Where the next page starts, from the address that a page gives for it. */
export function cursorOf(next: string | null | undefined): string | null {
  return next ? new URL(next, window.location.origin).searchParams.get('cursor') : null;
}

export function getExecution(id: string, signal?: AbortSignal): Promise<ExecutionDetail> {
  return getJson(`/executions/${encodeURIComponent(id)}`, signal);
}

/** Ends a run that waits or goes on. */
export async function cancelExecution(id: string): Promise<void> {
  await request(`/executions/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
}

/** Runs the function again with the same input; the id of the new execution, also of one that fails. */
export async function replayExecution(id: string): Promise<string | null> {
  try {
    const response = await request(`/executions/${encodeURIComponent(id)}/replay`, { method: 'POST' });
    await response.body?.cancel(); // its output is shown from the history
    return response.headers.get('Execution-Id');
  } catch (error) {
    if (error instanceof ApiProblem && error.executionId) return error.executionId;
    throw error;
  }
}

/** Everything a plugin or a token can be allowed to do. */
export function listPermissions(signal?: AbortSignal): Promise<PermissionInfo[]> {
  return getJson('/permissions', signal);
}

export function listTokens(signal?: AbortSignal): Promise<AccessToken[]> {
  return allPages('/tokens', signal);
}

/** The answer holds the token itself, this one time. */
export function createToken(token: {
  name: string;
  scopes: string[];
  expires_in_days: number;
  /** For operations on a plugin's own data. */
  plugin?: string;
}): Promise<NewAccessToken> {
  return sendJson('POST', '/tokens', token);
}

export async function revokeToken(id: string): Promise<void> {
  await request(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/**
 * Calls a plugin function on the server: the input as it is, the raw answer back. `onProgress` hears the part of the
 * input that is sent, from 0 to 1.
 */
export function callFunction(
  call: { slug: string; name: string; body: string | Uint8Array<ArrayBuffer> | Blob; contentType: string },
  signal?: AbortSignal,
  onProgress?: (sent: number) => void,
): Promise<Response> {
  const { body, contentType } = call;
  return request(
    `${pluginPath(call.slug)}/call/${encodeURIComponent(call.name)}`,
    { method: 'POST', body, headers: { 'Content-Type': contentType }, signal },
    onProgress,
  );
}

/** Begins a run in this browser: what it takes, with a token for its host calls. */
export function startBrowserRun(slug: string, name: string): Promise<BrowserRun> {
  return sendJson('POST', `${pluginPath(slug)}/browser-runs`, { function: name });
}

/** The bytes of a run's module. */
export async function getWasm(run: BrowserRun, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(run.wasm_url.slice(BASE.length), { signal });
  return new Uint8Array(await response.arrayBuffer());
}

/** Tells how a run in this browser ended; the answer is what its caller is told. Outlives the page. */
export async function finishBrowserRun(
  run: BrowserRun,
  report: RunReport,
): Promise<{ problem: Problem | null }> {
  const response = await request(`/executions/${encodeURIComponent(run.execution_id)}/finish`, {
    method: 'POST',
    body: JSON.stringify(report),
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${run.token}` },
    credentials: 'omit',
    keepalive: true,
  });
  return (await response.json()) as { problem: Problem | null };
}

async function getJson<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await request(path, { signal });
  return (await response.json()) as Answer;
}

function pluginPath(slug: string): string {
  return `/plugins/${encodeURIComponent(slug)}`;
}

async function allPages<Item>(path: string, signal?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await getJson<Page<Item>>(`${path}?page=${page}&page_size=100`, signal);
    items.push(...answer.results);
    if (!answer.next) return items;
  }
}

async function sendJson<Answer>(method: 'POST' | 'PATCH', path: string, body: unknown): Promise<Answer> {
  const response = await send(method, path, body);
  return (await response.json()) as Answer;
}

function send(method: string, path: string, body: unknown): Promise<Response> {
  return request(path, {
    method,
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });
}

type Init = Omit<RequestInit, 'body'> & { body?: XMLHttpRequestBodyInit };

async function request(
  path: string,
  init: Init = {},
  onProgress?: (sent: number) => void,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has('Accept')) headers.set('Accept', 'application/json, application/problem+json, */*;q=0.5');
  if (!SAFE_METHODS.has(init.method ?? 'GET')) headers.set('X-CSRFToken', await csrfToken());

  let response: Response;
  try {
    const { method = 'GET', body, signal = null } = init;
    response =
      onProgress && body !== undefined
        ? await fetchWithProgress(BASE + path, { method, headers, body, signal }, onProgress)
        : await fetch(BASE + path, { credentials: 'same-origin', ...init, headers });
  } catch (error) {
    // A caller that gave up on purpose wants to see just that.
    if (init.signal?.aborted) throw error;
    setReachable(false);
    throw asProblem(error);
  }
  setReachable(true);
  if (response.ok) return response;

  const problem = await problemFromResponse(response);
  if (init.credentials !== 'omit' && !isGuestAnswer(path, response)) tellOfSessionEnd(problem);
  throw problem;
}

function tellOfSessionEnd(problem: ApiProblem): void {
  if (SESSION_OVER.has(problem.code)) sessionEndListener?.(problem);
}

/** A plugin that ran may use the same codes for its own matters: they say nothing about this session. */
function isGuestAnswer(path: string, response: Response): boolean {
  return RUNS_PLUGINS.test(path) && response.headers.has('Execution-Id');
}

/** The token of Django's cookie, read anew each time because logging in and out changes it. */
async function csrfToken(): Promise<string> {
  // The page itself normally brings the cookie; a first safe request does when it was deleted since.
  if (!readCookie('csrftoken'))
    await fetch(`${BASE}/auth/session`, { credentials: 'same-origin' }).catch(() => null);
  return readCookie('csrftoken');
}

export function readCookie(name: string, cookies = document.cookie): string {
  const found = cookies.split('; ').find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}
