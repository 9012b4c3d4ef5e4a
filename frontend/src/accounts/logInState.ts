// What another page tells the log-in page, in the router's state.
import type { Location } from 'react-router';

const REASONS = ['expired', 'logged-out', 'signed-up', 'signed-up-mailed', 'password-changed'] as const;
export type LogInReason = (typeof REASONS)[number];

export interface LogInState {
  /** The page to return to after log-in. */
  from: Location | null;
  notice: LogInReason | null;
  email: string;
}

/** Checks every member: router state outlives reloads and deployments. */
export function readLogInState(state: unknown): LogInState {
  const given = (typeof state === 'object' && state !== null ? state : {}) as Partial<LogInState>;
  return {
    from: given.from && typeof given.from.pathname === 'string' ? given.from : null,
    notice: REASONS.find((reason) => reason === given.notice) ?? null,
    email: typeof given.email === 'string' ? given.email : '',
  };
}
