// Submits a plain form: `busy` while it is sent, `problem` after a failure, with the first invalid field focused.
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

/** Checks required fields and the syntax of e-mail addresses. The server checks everything else. */
function missingFields(form: HTMLFormElement): ApiProblem | null {
  const errors = Array.from(form.querySelectorAll('input')).flatMap((input) => {
    const detail = !input.value.trim()
      ? 'Fill in this field.'
      : input.validity.typeMismatch
        ? 'This does not look like an e-mail address.'
        : '';
    return input.required && detail ? [{ pointer: `/${input.name}`, detail }] : [];
  });
  if (errors.length === 0) return null;
  return new ApiProblem({
    code: 'invalid-input',
    status: 400,
    title: 'Check your input',
    errors,
  });
}

function focusFirst(form: HTMLFormElement, problem: ApiProblem): void {
  const names = problem.errors.map((error) => error.pointer.slice(1));
  Array.from(form.querySelectorAll('input'))
    .find((input) => names.includes(input.name))
    ?.focus();
}
