import { useState } from 'react';
import { Link, Navigate, useLocation } from 'react-router';
import { Button } from '../components/Button';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useSession } from '../hooks/useSession';
import { useSubmit } from '../hooks/useSubmit';
import { errorFor } from '../lib/problem';
import { AuthCard } from './AuthCard';
import { LogInNotice } from './LogInNotice';
import { readLogInState } from './logInState';

export function LogInPage() {
  const { user, state: session, logIn } = useSession();
  const { from, notice, email } = readLogInState(useLocation().state);
  const [typed, setTyped] = useState(email);
  const { submit, busy, problem } = useSubmit((form) =>
    logIn({ email: form('email'), password: form('password') }),
  );
  const ended = session.status === 'ready' ? session.ended : null;
  // Another tab may have reported in the meantime that the user logged out.
  const wanted = ended === 'logged-out' ? null : from;
  if (user) return <Navigate to={wanted ?? '/'} replace />;
  // An error takes precedence over the reason for being here.
  const shown = problem ? null : notice === 'expired' && ended ? ended : (notice ?? ended);
  return (
    <AuthCard>
      <PageHeading title="Log in">Log in</PageHeading>
      {shown && <LogInNotice reason={shown} email={email} />}
      {problem && <ProblemNotice problem={problem} shownFields={['email', 'password']} />}
      <form onSubmit={submit} noValidate>
        <TextField
          label="E-mail"
          name="email"
          type="email"
          required
          autoComplete="username"
          defaultValue={email}
          onChange={(event) => setTyped(event.target.value)}
          error={errorFor(problem, 'email')}
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          autoComplete="current-password"
          error={errorFor(problem, 'password')}
        />
        <Button type="submit" look="primary" busy={busy} className="button-wide">
          Log in
        </Button>
      </form>
      <p className="auth-switch">
        <Link to="/forgot-password" state={{ from, email: typed }}>
          Forgot your password?
        </Link>
      </p>
      <p className="auth-switch">
        New here?{' '}
        <Link to="/signup" state={{ from }}>
          Create an account
        </Link>
      </p>
    </AuthCard>
  );
}
