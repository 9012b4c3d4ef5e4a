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
          <PageHeading title="Look for an e-mail">Look for an e-mail</PageHeading>
          <Notice tone="success" live="status">
            <p>
              If there is an account for <strong>{email}</strong>, an e-mail with a link is on its way. The
              link works once, for one hour.
            </p>
          </Notice>
          <p className="auth-aside">
            Nothing came? See whether it went to your junk mail, and whether the address is right.
          </p>
          <Button className="button-wide" onClick={() => setSent(false)}>
            Ask again
          </Button>
        </>
      ) : (
        <>
          <PageHeading title="Forgot your password?">Forgot your password?</PageHeading>
          <p className="lead">Get a link by e-mail, and choose a new one.</p>
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
              Send the link
            </Button>
          </form>
        </>
      )}
      <p className="auth-switch">
        <Link to="/login" state={logInState}>
          Back to log-in
        </Link>
      </p>
    </AuthCard>
  );
}
