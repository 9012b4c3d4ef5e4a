// Every HTTP request of the app is here. Failures are thrown as ApiProblem.
import { asProblem, problemFromResponse, type ApiProblem } from './problem';
import type { Execution, Page, PluginDetail, PluginSummary, SessionAnswer, User } from './types';

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
  return postJson('/setup', owner);
}

/** Who is logged in; nobody is an answer, not an error. */
export function getSession(): Promise<SessionAnswer> {
  return getJson('/auth/session');
}

export function signUp(account: { name: string; email: string; password: string }): Promise<{ user: User }> {
  return postJson('/auth/signup', account);
}

export function logIn(credentials: { email: string; password: string }): Promise<SessionAnswer> {
  return postJson('/auth/login', credentials);
}

export async function logOut(): Promise<void> {
  await request('/auth/logout', { method: 'POST' });
}

/** The whole catalogue, page after page. */
export async function listPlugins(signal?: AbortSignal): Promise<PluginSummary[]> {
  const plugins: PluginSummary[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await getJson<Page<PluginSummary>>(`/plugins?page=${page}&page_size=100`, signal);
    plugins.push(...answer.results);
    if (!answer.next) return plugins;
  }
}

export function getPlugin(slug: string, signal?: AbortSignal): Promise<PluginDetail> {
  return getJson(`/plugins/${encodeURIComponent(slug)}`, signal);
}

export function listExecutions(options: { pageSize: number }): Promise<Page<Execution>> {
  return getJson(`/executions?page_size=${options.pageSize}`);
}

/** Calls a plugin function on the server: the input as it is, the raw answer back. */
export function callFunction(
  call: { slug: string; name: string; body: string; contentType: string },
  signal?: AbortSignal,
): Promise<Response> {
  return request(`/plugins/${encodeURIComponent(call.slug)}/call/${encodeURIComponent(call.name)}`, {
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

async function postJson<Answer>(path: string, body: unknown): Promise<Answer> {
  const response = await request(path, {
    method: 'POST',
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
    throw asProblem(error);
  }
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
