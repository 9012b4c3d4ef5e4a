import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useSession } from '../hooks/useSession';
import { useSubmit } from '../hooks/useSubmit';
import { errorFor } from '../lib/problem';
import type { User } from '../lib/types';
import { AuthCard } from './AuthCard';
import type { LogInState } from './logInState';
import { NewPasswordField } from './NewPasswordField';
import { INCOMPLETE, useLinkToken } from './useLinkToken';

const TITLE = 'Choose a new password';

export default function ResetPasswordPage() {
  const token = useLinkToken();
  return (
    <AuthCard>
      {token ? (
        <ResetForm key={token} token={token} />
      ) : (
        <DeadLink title={INCOMPLETE.title} detail={INCOMPLETE.detail} />
      )}
    </AuthCard>
  );
}

function ResetForm({ token }: { token: string }) {
  const { user: before, resetPassword } = useSession();
  const navigate = useNavigate();
  const [staying, setStaying] = useState<User | null>(null);
  const { submit, busy, problem } = useSubmit(async (form) => {
    const user = await resetPassword({ token, password: form('password') });
    setStaying(user);
    const state: LogInState = { from: null, notice: 'password-changed', email: before?.email ?? '' };
    if (!user) await navigate('/login', { replace: true, state });
  });
  const dead = problem?.code === 'token-invalid';
  useFocusFallback(dead || staying);
  if (staying) return <OtherAccount user={staying} />;
  if (dead) return <DeadLink title={problem.title} detail={problem.detail} />;
  return (
    <>
      <PageHeading title={TITLE}>{TITLE}</PageHeading>
      <p className="lead">You will be logged out everywhere. Then log in with the new password.</p>
      {problem && <ProblemNotice problem={problem} shownFields={['password']} />}
      <form onSubmit={submit} noValidate>
        <NewPasswordField label="New password" name="password" error={errorFor(problem, 'password')} />
        <Button type="submit" look="primary" busy={busy} className="button-wide">
          Change password
        </Button>
      </form>
    </>
  );
}

function DeadLink({ title, detail }: { title: string; detail: string }) {
  return (
    <>
      <PageHeading title={TITLE}>{TITLE}</PageHeading>
      <Notice tone="warning" title={title} live="status">
        <p>{detail}</p>
      </Notice>
      <Link to="/forgot-password" className="button button-primary button-wide">
        Request a new link
      </Link>
      <p className="auth-switch">
        <Link to="/login">Back to log in</Link>
      </p>
    </>
  );
}

/** The link belonged to another account than the one logged in here, whose session continues. */
function OtherAccount({ user }: { user: User }) {
  return (
    <>
      <PageHeading title="The password was changed">The password was changed</PageHeading>
      <Notice tone="success" live="status">
        <p>
          It is the password of another account. In this browser, <strong>{user.email}</strong> is still
          logged in.
        </p>
      </Notice>
      <Link to="/" className="button button-primary button-wide">
        Go to the home page
      </Link>
    </>
  );
}
