// Problem details (RFC 9457): every error of the API as a typed exception.
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
  /** HTTP status; 0 if there was no response. */
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

/** Reads a failed response. A response without a problem document, such as a proxy's error page, gets a generic problem. */
export async function problemFromResponse(response: Response): Promise<ApiProblem> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // Not JSON: the status has to suffice.
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

/** The problem for a plugin's error message that the server does not see. The message is a problem as JSON, or plain text. */
export function guestProblem(message: string): ApiProblem {
  const parsed = problemInMessage(message);
  if (parsed)
    return problemFromBody({ ...parsed, type: TYPE_PREFIX + parsed.code }, parsed.status, new Headers());
  return new ApiProblem({
    code: 'plugin-error',
    status: 422,
    title: 'The plugin refused the input',
    detail: message,
  });
}

function problemInMessage(
  message: string,
): (Record<string, unknown> & { code: string; status: number }) | null {
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

/** Converts anything that was thrown to a problem. */
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

/** The error message for a top-level field, if the problem has one. */
export function errorFor(problem: ApiProblem | null, field: string): string | undefined {
  return problem?.errors.find((error) => error.pointer === `/${field}`)?.detail;
}

function titleFor(status: number): string {
  if (status === 404) return 'Not found';
  if (status === 429) return 'Too many requests';
  if (status >= 500) return 'Server error';
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
