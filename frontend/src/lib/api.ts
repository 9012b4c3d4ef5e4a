// Every HTTP request of the app. Failures are thrown as ApiProblem.
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
  SessionResponse,
  User,
} from './types';

const BASE = '/api/v1';
const SAFE_METHODS = new Set(['GET', 'HEAD']);
const SESSION_ENDED = new Set(['session-expired', 'not-authenticated']);

const RUNS_PLUGINS = /^\/(plugins|executions)\//;

type SessionEndListener = (problem: ApiProblem) => void;
let sessionEndListener: SessionEndListener | null = null;

/** Calls `listener` when a response says that the session has ended. Returns a function that stops this. */
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

/** Returns who is logged in. Not being logged in is not an error. */
export function getSession(): Promise<SessionResponse> {
  return getJson('/auth/session');
}

export function signUp(account: { name: string; email: string; password: string }): Promise<{ user: User }> {
  return sendJson('POST', '/auth/signup', account);
}

export function logIn(credentials: { email: string; password: string }): Promise<SessionResponse> {
  return sendJson('POST', '/auth/login', credentials);
}

export async function logOut(): Promise<void> {
  await request('/auth/logout', { method: 'POST' });
}

export function changeAccount(changes: { name: string }): Promise<Account> {
  return sendJson('PATCH', '/users/me', changes);
}

/** Cannot be undone. */
export async function deleteAccount(password: string): Promise<void> {
  await send('DELETE', '/users/me', { password });
}

/** Sends a link to this address if it belongs to an account with an unconfirmed address. The response does not say whether it did. */
export async function requestEmailVerification(email: string): Promise<void> {
  await send('POST', '/auth/request-email-verification', { email });
}

/** Confirms the address to which the link with this token was sent. Returns its user. */
export function verifyEmail(token: string): Promise<{ user: User }> {
  return sendJson('POST', '/auth/verify-email', { token });
}

/** Sends a link to this address if it has an account. The response does not say whether it did. */
export async function requestPasswordReset(email: string): Promise<void> {
  await send('POST', '/auth/request-password-reset', { email });
}

/** Sets a new password with the token of an e-mail link, and ends every session of the account. */
export async function resetPassword(reset: { token: string; password: string }): Promise<void> {
  await send('POST', '/auth/reset-password', reset);
}

/** Also ends every other session of this user. */
export async function changePassword(change: {
  current_password: string;
  new_password: string;
}): Promise<void> {
  await send('POST', '/auth/change-password', change);
}

/** This user's sessions, latest first. */
export function listSessions(signal?: AbortSignal): Promise<Session[]> {
  return allPages('/sessions', signal);
}

export async function endSession(id: string): Promise<void> {
  await request(`/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

export async function endOtherSessions(): Promise<void> {
  await request('/sessions', { method: 'DELETE' });
}

/** All plugins. Fetches page after page. */
export function listPlugins(signal?: AbortSignal): Promise<PluginSummary[]> {
  return allPages('/plugins', signal);
}

export function getPlugin(slug: string, signal?: AbortSignal): Promise<PluginDetail> {
  return getJson(pluginPath(slug), signal);
}

/** Enables or disables a plugin, or replaces its grants or its settings. Secret settings that are left out stay as they are. */
export function changePlugin(
  slug: string,
  changes: { enabled: boolean } | Grants | { settings: Record<string, unknown> },
): Promise<PluginDetail> {
  return sendJson('PATCH', pluginPath(slug), changes);
}

/**
 * Installs a bundle. `onProgress` receives the part that has been sent, from 0 to 1; at 1 the server starts its checks.
 * Aborting rejects with an AbortError. Once everything is sent, it no longer stops the server.
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

/** Cannot be undone. Returns how much was removed with it. */
export async function removePlugin(slug: string): Promise<Removed> {
  const response = await request(pluginPath(slug), { method: 'DELETE' });
  return (await response.json()) as Removed;
}

/** For administrators: how plugins are confined, and the size limit of a bundle. */
export function getServer(signal?: AbortSignal): Promise<ServerStatus> {
  return getJson('/server', signal);
}

export function listReleases(slug: string, signal?: AbortSignal): Promise<Release[]> {
  return getJson(`${pluginPath(slug)}/releases`, signal);
}

/** Activates a release. Without `grants`, it keeps those current grants that it also asks for. */
export function activateRelease(slug: string, version: string, grants?: Grants): Promise<PluginDetail> {
  return sendJson(
    'POST',
    `${pluginPath(slug)}/releases/${encodeURIComponent(version)}/activate`,
    grants ?? {},
  );
}

/** Subscribes this user to the plugin's notifications, or unsubscribes. */
export async function watchPlugin(slug: string, watching: boolean): Promise<void> {
  await request(`${pluginPath(slug)}/watch`, { method: watching ? 'PUT' : 'DELETE' });
}

export interface ExecutionFilter {
  plugin?: string;
  /** The function, of that plugin. */
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

/** The cursor in the `next` address of a page. */
export function cursorOf(next: string | null | undefined): string | null {
  return next ? new URL(next, window.location.origin).searchParams.get('cursor') : null;
}

export function getExecution(id: string, signal?: AbortSignal): Promise<ExecutionDetail> {
  return getJson(`/executions/${encodeURIComponent(id)}`, signal);
}

/** Cancels a queued or running execution. */
export async function cancelExecution(id: string): Promise<void> {
  await request(`/executions/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
}

/** Runs the function again with the same input. Returns the id of the new execution, even if it fails. */
export async function replayExecution(id: string): Promise<string | null> {
  try {
    const response = await request(`/executions/${encodeURIComponent(id)}/replay`, { method: 'POST' });
    await response.body?.cancel(); // its page shows the recorded output
    return response.headers.get('Execution-Id');
  } catch (error) {
    if (error instanceof ApiProblem && error.executionId) return error.executionId;
    throw error;
  }
}

/** Every permission that a plugin or a token can have. */
export function listPermissions(signal?: AbortSignal): Promise<PermissionInfo[]> {
  return getJson('/permissions', signal);
}

export function listTokens(signal?: AbortSignal): Promise<AccessToken[]> {
  return allPages('/tokens', signal);
}

/** Only this response contains the token itself. */
export function createToken(token: {
  name: string;
  scopes: string[];
  expires_in_days: number;
  /** The plugin whose data host operations work on. */
  plugin?: string;
}): Promise<NewAccessToken> {
  return sendJson('POST', '/tokens', token);
}

export async function revokeToken(id: string): Promise<void> {
  await request(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/**
 * Calls a plugin function on the server. Sends the input as it is and returns the raw response. `onProgress` receives
 * the part of the input that has been sent, from 0 to 1.
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

/** Starts a run in this browser. Returns what the run needs, including a token for its host calls. */
export function startBrowserRun(slug: string, name: string): Promise<BrowserRun> {
  return sendJson('POST', `${pluginPath(slug)}/browser-runs`, { function: name });
}

/** Downloads the module of a run. */
export async function getWasm(run: BrowserRun, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(run.wasm_url.slice(BASE.length), { signal });
  return new Uint8Array(await response.arrayBuffer());
}

/** Reports the end of a run in this browser. Returns the problem for the caller. The request outlives the page. */
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

async function getJson<Result>(path: string, signal?: AbortSignal): Promise<Result> {
  const response = await request(path, { signal });
  return (await response.json()) as Result;
}

function pluginPath(slug: string): string {
  return `/plugins/${encodeURIComponent(slug)}`;
}

async function allPages<Item>(path: string, signal?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  for (let page = 1; ; page += 1) {
    const result = await getJson<Page<Item>>(`${path}?page=${page}&page_size=100`, signal);
    items.push(...result.results);
    if (!result.next) return items;
  }
}

async function sendJson<Result>(method: 'POST' | 'PATCH', path: string, body: unknown): Promise<Result> {
  const response = await send(method, path, body);
  return (await response.json()) as Result;
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
    // The caller aborted and expects an AbortError.
    if (init.signal?.aborted) throw error;
    setReachable(false);
    throw asProblem(error);
  }
  setReachable(true);
  if (response.ok) return response;

  const problem = await problemFromResponse(response);
  if (init.credentials !== 'omit' && !isGuestResponse(path, response)) reportSessionEnd(problem);
  throw problem;
}

function reportSessionEnd(problem: ApiProblem): void {
  if (SESSION_ENDED.has(problem.code)) sessionEndListener?.(problem);
}

/** A plugin may use the same problem codes for its own purposes. They say nothing about this session. */
function isGuestResponse(path: string, response: Response): boolean {
  return RUNS_PLUGINS.test(path) && response.headers.has('Execution-Id');
}

/** The CSRF token from Django's cookie. Read for each request because log-in and log-out change it. */
async function csrfToken(): Promise<string> {
  // The page sets the cookie. If it was deleted since, a safe request sets it again.
  if (!readCookie('csrftoken'))
    await fetch(`${BASE}/auth/session`, { credentials: 'same-origin' }).catch(() => null);
  return readCookie('csrftoken');
}

export function readCookie(name: string, cookies = document.cookie): string {
  const found = cookies.split('; ').find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}
