// What the log-in page is told by the page that led there.
import type { Location } from 'react-router';

const REASONS = ['expired', 'logged-out', 'signed-up', 'signed-up-mailed', 'password-changed'] as const;
export type LogInReason = (typeof REASONS)[number];

export interface LogInState {
  /** Where the person wanted to go. */
  from: Location | null;
  notice: LogInReason | null;
  email: string;
}

/** Router state outlives reloads and deployments, so it is read with care. */
export function readLogInState(state: unknown): LogInState {
  const given = (typeof state === 'object' && state !== null ? state : {}) as Partial<LogInState>;
  return {
    from: given.from && typeof given.from.pathname === 'string' ? given.from : null,
    notice: REASONS.find((reason) => reason === given.notice) ?? null,
    email: typeof given.email === 'string' ? given.email : '',
  };
}
