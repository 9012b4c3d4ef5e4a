import { Link, Navigate, useLocation, useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useSession } from '../hooks/useSession';
import { useSubmit } from '../hooks/useSubmit';
import { requestEmailVerification, signUp } from '../lib/api';
import { errorFor } from '../lib/problem';
import { AuthCard } from './AuthCard';
import { readLogInState, type LogInState } from './logInState';
import { NewPasswordField } from './NewPasswordField';

export function SignUpPage() {
  const { user } = useSession();
  const navigate = useNavigate();
  const { from } = readLogInState(useLocation().state);
  const { submit, busy, problem } = useSubmit(async (form) => {
    const email = form('email');
    await signUp({ name: form('name'), email, password: form('password') });
    const notice = (await linkIsSent(email)) ? 'signed-up-mailed' : 'signed-up';
    const state: LogInState = { from, notice, email };
    await navigate('/login', { state });
  });
  if (user) return <Navigate to="/" replace />;
  return (
    <AuthCard>
      <PageHeading title="Sign up">Create your account</PageHeading>
      <p className="lead">Then log in and run your first plugin.</p>
      {problem && <ProblemNotice problem={problem} shownFields={['name', 'email', 'password']} />}
      <form onSubmit={submit} noValidate>
        <TextField label="Name" name="name" required autoComplete="name" error={errorFor(problem, 'name')} />
        <TextField
          label="E-mail"
          name="email"
          type="email"
          required
          autoComplete="username"
          error={errorFor(problem, 'email')}
        />
        <NewPasswordField label="Password" name="password" error={errorFor(problem, 'password')} />
        <Button type="submit" look="primary" busy={busy} className="button-wide">
          Sign up
        </Button>
      </form>
      <p className="auth-switch">
        Have an account?{' '}
        <Link to="/login" state={{ from }}>
          Log in
        </Link>
      </p>
    </AuthCard>
  );
}

const PATIENCE_MS = 5000;

/** The account already exists: a mail server that fails or is slow must not hold up the user. */
function linkIsSent(email: string): Promise<boolean> {
  const sent = requestEmailVerification(email).then(
    () => true,
    () => false,
  );
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PATIENCE_MS));
  return Promise.race([sent, late]);
}
