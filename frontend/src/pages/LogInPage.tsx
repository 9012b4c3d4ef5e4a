import { Link, Navigate, useLocation } from 'react-router';
import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { errorFor } from '../problem';
import { useSession } from '../session';
import { useSubmit } from '../useSubmit';
import { readLogInState } from './logInState';

export function LogInPage() {
  const { user, state: session, logIn } = useSession();
  const { from, notice, email } = readLogInState(useLocation().state);
  const { submit, busy, problem } = useSubmit((form) =>
    logIn({ email: form('email'), password: form('password') }),
  );
  const ended = session.status === 'ready' ? session.ended : null;
  // Another tab may have said meanwhile that the session ended because somebody logged out.
  const wanted = ended === 'logged-out' ? null : from;
  if (user) return <Navigate to={wanted ?? '/'} replace />;
  // What went wrong just now is what matters.
  const shown = problem ? null : notice === 'expired' && ended ? ended : (notice ?? ended);
  return (
    <div className="auth-card">
      <PageHeading title="Log in">Log in</PageHeading>
      {shown === 'expired' && (
        <Notice tone="warning" title="Your session has ended" live="status">
          <p>Log in again to go on where you were. Forms keep what you typed, except for secrets.</p>
        </Notice>
      )}
      {shown === 'logged-out' && (
        <Notice tone="success" live="status">
          <p>You are logged out. See you soon.</p>
        </Notice>
      )}
      {shown === 'signed-up' && (
        <Notice tone="success" title="Your account is ready" live="status">
          <p>Welcome! Log in with the password you just chose.</p>
        </Notice>
      )}
      {problem && <ProblemNotice problem={problem} shownFields={['email', 'password']} />}
      <form onSubmit={submit} noValidate>
        <TextField
          label="E-mail"
          name="email"
          type="email"
          required
          autoComplete="username"
          defaultValue={email}
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
        New here?{' '}
        <Link to="/signup" state={{ from }}>
          Create an account
        </Link>
      </p>
    </div>
  );
}
