// Every HTTP request of the app is here. Failures are thrown as ApiProblem.
import { asProblem, problemFromResponse, type ApiProblem } from './problem';
import { setReachable } from './connectivity';
import type {
  AccessToken,
  Account,
  Execution,
  ExecutionDetail,
  ExecutionState,
  Grants,
  NewAccessToken,
  Page,
  PermissionInfo,
  PluginDetail,
  PluginSummary,
  Release,
  Session,
  SessionAnswer,
  User,
} from './types';

const BASE = '/api/v1';
const SAFE_METHODS = new Set(['GET', 'HEAD']);
const SESSION_OVER = new Set(['session-expired', 'not-authenticated']);

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
  await request('/users/me', {
    method: 'DELETE',
    body: JSON.stringify({ password }),
    headers: { 'Content-Type': 'application/json' },
  });
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

/** Turns a plugin on or off, or sets all it may do from now on. */
export function changePlugin(slug: string, changes: { enabled: boolean } | Grants): Promise<PluginDetail> {
  return sendJson('PATCH', pluginPath(slug), changes);
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
  state?: ExecutionState;
}

export function listExecutions(
  { pageSize, cursor, plugin, state }: ExecutionFilter & { pageSize: number; cursor?: string },
  signal?: AbortSignal,
): Promise<Page<Execution>> {
  const query = new URLSearchParams({ page_size: String(pageSize) });
  for (const [name, value] of Object.entries({ plugin, state, cursor })) if (value) query.set(name, value);
  return getJson(`/executions?${query}`, signal);
}

/** Where the next page starts, from the address that a page gives for it. */
export function cursorOf(next: string | null | undefined): string | null {
  return next ? new URL(next, window.location.origin).searchParams.get('cursor') : null;
}

export function getExecution(id: string, signal?: AbortSignal): Promise<ExecutionDetail> {
  return getJson(`/executions/${encodeURIComponent(id)}`, signal);
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

/** Calls a plugin function on the server: the input as it is, the raw answer back. */
export function callFunction(
  call: { slug: string; name: string; body: string; contentType: string },
  signal?: AbortSignal,
): Promise<Response> {
  return request(`${pluginPath(call.slug)}/call/${encodeURIComponent(call.name)}`, {
    method: 'POST',
    body: call.body,
    headers: { 'Content-Type': call.contentType },
    signal,
  });
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
  const response = await request(path, {
    method,
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });
  return (await response.json()) as Answer;
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has('Accept')) headers.set('Accept', 'application/json, application/problem+json, */*;q=0.5');
  if (!SAFE_METHODS.has(init.method ?? 'GET')) headers.set('X-CSRFToken', await csrfToken());

  let response: Response;
  try {
    response = await fetch(BASE + path, { ...init, headers, credentials: 'same-origin' });
  } catch (error) {
    // A caller that gave up on purpose wants to see just that.
    if (init.signal?.aborted) throw error;
    setReachable(false);
    throw asProblem(error);
  }
  setReachable(true);
  if (response.ok) return response;

  const problem = await problemFromResponse(response);
  if (SESSION_OVER.has(problem.code) && !isGuestAnswer(path, response)) sessionEndListener?.(problem);
  throw problem;
}

/** A plugin that ran may use the same codes for its own matters: they say nothing about this session. */
function isGuestAnswer(path: string, response: Response): boolean {
  return path.startsWith('/plugins/') && response.headers.has('Execution-Id');
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
