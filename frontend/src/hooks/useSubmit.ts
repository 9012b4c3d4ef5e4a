// Sends a plain form: busy while it is under way, a problem when it fails, the first faulty field focused.
import { useState, type FormEvent } from 'react';
import { ApiProblem, asProblem } from '../lib/problem';

export type ReadField = (name: string) => string;

export function useSubmit(action: (form: ReadField) => Promise<void>): {
  submit: (event: FormEvent<HTMLFormElement>) => void;
  busy: boolean;
  problem: ApiProblem | null;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);

  async function send(form: HTMLFormElement) {
    const missing = missingFields(form);
    if (missing) {
      setProblem(missing);
      focusFirst(form, missing);
      return;
    }
    const values = new FormData(form);
    setBusy(true);
    setProblem(null);
    try {
      await action((name) => String(values.get(name) ?? ''));
    } catch (error) {
      const failed = asProblem(error);
      setProblem(failed);
      focusFirst(form, failed);
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!busy) void send(event.currentTarget);
  }

  return { submit, busy, problem };
}

/** Checks only what needs no rule of the server's: something is there, and an address looks like one. */
function missingFields(form: HTMLFormElement): ApiProblem | null {
  const errors = Array.from(form.querySelectorAll('input')).flatMap((input) => {
    const detail = !input.value.trim()
      ? 'Please fill this in.'
      : input.validity.typeMismatch
        ? 'This does not look like an e-mail address.'
        : '';
    return input.required && detail ? [{ pointer: `/${input.name}`, detail }] : [];
  });
  if (errors.length === 0) return null;
  return new ApiProblem({
    code: 'invalid-input',
    status: 400,
    title: 'Please check what you typed',
    errors,
  });
}

function focusFirst(form: HTMLFormElement, problem: ApiProblem): void {
  const names = problem.errors.map((error) => error.pointer.slice(1));
  Array.from(form.querySelectorAll('input'))
    .find((input) => names.includes(input.name))
    ?.focus();
}
