// The audit list of an execution, in words.
import type { Tone } from '../lib/tone';

const WORDS: Record<number, string> = {
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
  412: 'Changed meanwhile',
  413: 'Too large',
  415: 'Wrong content type',
  429: 'Too many',
  504: 'Too slow',
};

export function statusText(status: number): string {
  return WORDS[status] ?? (status >= 500 ? 'Failed' : status >= 400 ? 'Refused' : 'OK');
}

/** Not found is an everyday answer; being refused is worth a look. */
export function statusTone(status: number): Tone {
  if (status >= 500) return 'danger';
  if (status === 404) return 'neutral';
  return status >= 400 ? 'warning' : 'success';
}

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;
const REQUEST = /^\S+ https?:/;
const LONGEST_KEY = 24;
const LONGEST_REQUEST = 60;

/** Enough of an id to tell it from others; a key of a store and an address outside keep more of their words. */
export function shortSubject(subject: string): string {
  if (UUID.test(subject)) return `${subject.slice(0, 8)}…`;
  const longest = REQUEST.test(subject) ? LONGEST_REQUEST : LONGEST_KEY;
  return subject.length > longest ? `${subject.slice(0, longest)}…` : subject;
}
