import { useState } from 'react';
import { Button } from '../components/Button';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useSubmit } from '../hooks/useSubmit';
import { useToasts } from '../hooks/useToasts';
import { changePassword } from '../lib/api';
import { errorFor } from '../lib/problem';
import { NewPasswordField } from './NewPasswordField';

const EMPTY = { current_password: '', new_password: '' };

/** Keeps no draft: passwords are never stored. */
export function PasswordForm({ email, onChanged }: { email: string; onChanged: () => void }) {
  const { show } = useToasts();
  const [typed, setTyped] = useState(EMPTY);
  const { submit, busy, problem } = useSubmit(async () => {
    await changePassword(typed);
    setTyped(EMPTY);
    show({
      tone: 'success',
      title: 'Password changed',
      body: 'You were logged out everywhere else.',
    });
    onChanged();
  });
  return (
    <section aria-labelledby="password-heading" className="section">
      <h2 id="password-heading">Change your password</h2>
      <form className="card card-body" onSubmit={submit} noValidate>
        {problem && <ProblemNotice problem={problem} shownFields={Object.keys(EMPTY)} />}
        {/* For password managers, which store a password with a user name. */}
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <TextField
          label="Current password"
          name="current_password"
          type="password"
          required
          autoComplete="current-password"
          value={typed.current_password}
          onChange={(event) => setTyped({ ...typed, current_password: event.target.value })}
          error={errorFor(problem, 'current_password')}
        />
        <NewPasswordField
          label="New password"
          name="new_password"
          value={typed.new_password}
          onChange={(event) => setTyped({ ...typed, new_password: event.target.value })}
          error={errorFor(problem, 'new_password')}
        />
        <div>
          <Button type="submit" look="primary" busy={busy}>
            Change password
          </Button>
        </div>
      </form>
    </section>
  );
}
