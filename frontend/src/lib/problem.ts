// Problem details (RFC 9457): every error of the API as one typed exception.
import { parseServerTiming, type Timing } from './serverTiming';

export interface FieldError {
  /** JSON Pointer to the field, such as "/email". */
  pointer: string;
  detail: string;
}

const TYPE_PREFIX = 'urn:hostbridge:problem:';

export interface ProblemInit {
  code: string;
  status: number;
  title: string;
  detail?: string;
  errors?: FieldError[];
  executionId?: string | null;
  timing?: Timing | null;
  retryAfterSeconds?: number | null;
}

export class ApiProblem extends Error {
  readonly code: string;
  /** HTTP status; 0 when no answer came at all. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors: FieldError[];
  readonly executionId: string | null;
  readonly timing: Timing | null;
  readonly retryAfterSeconds: number | null;

  constructor(init: ProblemInit) {
    super(init.detail || init.title);
    this.name = 'ApiProblem';
    this.code = init.code;
    this.status = init.status;
    this.title = init.title;
    this.detail = init.detail ?? '';
    this.errors = init.errors ?? [];
    this.executionId = init.executionId ?? null;
    this.timing = init.timing ?? null;
    this.retryAfterSeconds = init.retryAfterSeconds ?? null;
  }
}

/** Reads a failed answer. An answer that is no problem document (a proxy's page, say) still gives a kind one. */
export async function problemFromResponse(response: Response): Promise<ApiProblem> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // Not JSON: the status has to tell the story.
  }
  return problemFromBody(body, response.status, response.headers);
}

export function problemFromBody(body: unknown, status: number, headers: Headers): ApiProblem {
  const members = isRecord(body) ? body : {};
  const type = text(members.type);
  return new ApiProblem({
    code: type.startsWith(TYPE_PREFIX) ? type.slice(TYPE_PREFIX.length) : `http-${status}`,
    status,
    title: text(members.title) || titleFor(status),
    detail: text(members.detail) || (members.title ? '' : hintFor(status)),
    errors: fieldErrors(members.errors),
    executionId: headers.get('Execution-Id') ?? (text(members.execution) || null),
    timing: parseServerTiming(headers.get('Server-Timing')),
    retryAfterSeconds: seconds(headers.get('Retry-After')),
  });
}

/** What a plugin's error text says, where the server is not to see it: a problem of its own, or any text. */
export function guestProblem(message: string): ApiProblem {
  const spoken = spokenProblem(message);
  if (spoken)
    return problemFromBody({ ...spoken, type: TYPE_PREFIX + spoken.code }, spoken.status, new Headers());
  return new ApiProblem({
    code: 'plugin-error',
    status: 422,
    title: 'The plugin refused the input',
    detail: message,
  });
}

function spokenProblem(message: string): (Record<string, unknown> & { code: string; status: number }) | null {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return null;
  }
  const problem = isRecord(value) ? value.problem : null;
  if (!isRecord(problem)) return null;
  const { code, status, title } = problem;
  const isComplete = typeof code === 'string' && typeof status === 'number' && typeof title === 'string';
  return isComplete ? { ...problem, code, status } : null;
}

/** Turns anything that was thrown into a problem that can be shown. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof TypeError) {
    return new ApiProblem({
      code: 'network',
      status: 0,
      title: 'The server cannot be reached',
      detail: 'Check your connection and that the server is running, then try again.',
    });
  }
  return new ApiProblem({
    code: 'unexpected',
    status: 0,
    title: 'Something went wrong',
    detail: error instanceof Error ? error.message : String(error),
  });
}

/** The message for one top-level field, if the problem names it. */
export function errorFor(problem: ApiProblem | null, field: string): string | undefined {
  return problem?.errors.find((error) => error.pointer === `/${field}`)?.detail;
}

function titleFor(status: number): string {
  if (status === 404) return 'Not found';
  if (status === 429) return 'Too many requests';
  if (status >= 500) return 'The server had a problem';
  return 'The request was refused';
}

function hintFor(status: number): string {
  if (status >= 500 || status === 429) return 'Wait a moment, then try again.';
  return '';
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((item) => ({ pointer: text(item.pointer), detail: text(item.detail) }));
}

function seconds(header: string | null): number | null {
  const value = Number(header);
  return header && Number.isFinite(value) && value >= 0 ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
