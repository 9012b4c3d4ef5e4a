import { Link, Navigate, useLocation, useNavigate } from 'react-router';
import { signUp } from '../api';
import { Button } from '../components/Button';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { errorFor } from '../problem';
import { useSession } from '../session';
import { useSubmit } from '../useSubmit';
import { readLogInState, type LogInState } from './logInState';

export function SignUpPage() {
  const { user } = useSession();
  const navigate = useNavigate();
  const { from } = readLogInState(useLocation().state);
  const { submit, busy, problem } = useSubmit(async (form) => {
    const email = form('email');
    await signUp({ name: form('name'), email, password: form('password') });
    const state: LogInState = { from, notice: 'signed-up', email };
    await navigate('/login', { state });
  });
  if (user) return <Navigate to="/" replace />;
  return (
    <div className="auth-card">
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
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          autoComplete="new-password"
          hint="Long beats complicated: a few unrelated words work well."
          error={errorFor(problem, 'password')}
        />
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
    </div>
  );
}
