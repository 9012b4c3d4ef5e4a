import { useState } from 'react';
import { Link, useLocation } from 'react-router';
import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useSubmit } from '../hooks/useSubmit';
import { requestPasswordReset } from '../lib/api';
import { errorFor } from '../lib/problem';
import { AuthCard } from './AuthCard';
import { readLogInState, type LogInState } from './logInState';

export default function ForgotPasswordPage() {
  const given = readLogInState(useLocation().state);
  const [email, setEmail] = useState(given.email);
  const [sent, setSent] = useState(false);
  const { submit, busy, problem } = useSubmit(async (form) => {
    const address = form('email').trim();
    await requestPasswordReset(address);
    setEmail(address);
    setSent(true);
  });
  useFocusFallback(sent);
  const logInState: LogInState = { from: given.from, notice: null, email };
  return (
    <AuthCard>
      {sent ? (
        <>
          <PageHeading title="Check your e-mail">Check your e-mail</PageHeading>
          <Notice tone="success" live="status">
            <p>
              If there is an account for <strong>{email}</strong>, we sent it a link. The link works once and
              expires after one hour.
            </p>
          </Notice>
          <p className="auth-aside">No e-mail? Check your spam folder, and that the address is correct.</p>
          <Button className="button-wide" onClick={() => setSent(false)}>
            Try again
          </Button>
        </>
      ) : (
        <>
          <PageHeading title="Forgot your password?">Forgot your password?</PageHeading>
          <p className="lead">We will e-mail you a link to choose a new one.</p>
          {problem && <ProblemNotice problem={problem} shownFields={['email']} />}
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
            <Button type="submit" look="primary" busy={busy} className="button-wide">
              Send link
            </Button>
          </form>
        </>
      )}
      <p className="auth-switch">
        <Link to="/login" state={logInState}>
          Back to log in
        </Link>
      </p>
    </AuthCard>
  );
}
