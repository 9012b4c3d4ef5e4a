// How host calls are shown: status, colour, subject.
import type { Tone } from '../lib/tone';

const TEXTS: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'Done',
  400: 'Invalid input',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Wrong method',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Too large',
  415: 'Wrong content type',
  429: 'Too many requests',
  504: 'Timed out',
};

export function statusText(status: number): string {
  return TEXTS[status] ?? (status >= 500 ? 'Failed' : status >= 400 ? 'Refused' : 'OK');
}

/** 404 is neutral, because looking for something that does not exist is normal. */
export function statusTone(status: number): Tone {
  if (status >= 500) return 'danger';
  if (status === 404) return 'neutral';
  return status >= 400 ? 'warning' : 'success';
}

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;
const REQUEST = /^\S+ https?:/;
const LONGEST_KEY = 24;
const LONGEST_REQUEST = 60;

/** Shortens an id to its first characters; keys of the store and outside addresses stay longer. */
export function shortSubject(subject: string): string {
  if (UUID.test(subject)) return `${subject.slice(0, 8)}…`;
  const longest = REQUEST.test(subject) ? LONGEST_REQUEST : LONGEST_KEY;
  return subject.length > longest ? `${subject.slice(0, longest)}…` : subject;
}
