import type { ReactNode } from 'react';
import { Notice } from '../components/Notice';
import type { Tone } from '../lib/tone';
import type { LogInReason } from './logInState';

/** Why somebody finds themselves on the log-in page. */
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
    text: 'Log in again to go on where you were. Forms keep what you typed, except for secrets.',
  },
  'logged-out': { tone: 'success', text: 'You are logged out. See you soon.' },
  'signed-up': {
    tone: 'success',
    title: 'Your account is ready',
    text: 'Welcome! Log in with the password you just chose.',
  },
  'signed-up-mailed': {
    tone: 'success',
    title: 'Your account is ready',
    text: (email) =>
      `Welcome! Log in with the password you just chose. We sent a link to ${email}: open it to confirm that this is your address.`,
  },
  'password-changed': {
    tone: 'success',
    title: 'Your password is changed',
    text: 'Log in with the new one.',
  },
};
