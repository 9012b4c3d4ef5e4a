import type { ReactNode } from 'react';
import { Notice } from '../components/Notice';
import type { Tone } from '../lib/tone';
import type { LogInReason } from './logInState';

/** Says why the log-in page is shown. */
export function LogInNotice({ reason, email }: { reason: LogInReason; email: string }) {
  const { tone, title, text } = REASONS[reason];
  return (
    <Notice tone={tone} title={title} live="status">
      <p>{typeof text === 'function' ? text(email) : text}</p>
    </Notice>
  );
}

const REASONS: Record<
  LogInReason,
  { tone: Tone; title?: string; text: string | ((email: string) => ReactNode) }
> = {
  expired: {
    tone: 'warning',
    title: 'Your session has ended',
    text: 'Log in again to continue where you left off. Forms keep what you typed, except secrets.',
  },
  'logged-out': { tone: 'success', text: 'You are logged out.' },
  'signed-up': {
    tone: 'success',
    title: 'Your account is ready',
    text: 'Log in with the password you just chose.',
  },
  'signed-up-mailed': {
    tone: 'success',
    title: 'Your account is ready',
    text: (email) =>
      `Log in with the password you just chose. We sent a link to ${email}. Open it to confirm your address.`,
  },
  'password-changed': {
    tone: 'success',
    title: 'Your password was changed',
    text: 'Log in with the new password.',
  },
};
