import { useState } from 'react';
import { Link } from 'react-router';
import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { useAction } from '../hooks/useAction';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useSession } from '../hooks/useSession';
import { verifyEmail } from '../lib/api';
import { notifyOtherTabs } from '../lib/otherTabs';
import type { User } from '../lib/types';
import { AuthCard } from './AuthCard';
import type { LogInState } from './logInState';
import { SendVerification } from './SendVerification';
import { INCOMPLETE, useLinkToken } from './useLinkToken';

const TITLE = 'Confirm your address';

export default function VerifyEmailPage() {
  const token = useLinkToken();
  return (
    <AuthCard>
      {token ? (
        <Confirmation key={token} token={token} />
      ) : (
        <DeadLink title={INCOMPLETE.title} detail={INCOMPLETE.detail} />
      )}
    </AuthCard>
  );
}

/** Waits for a click: mail scanners open the links in e-mails. */
function Confirmation({ token }: { token: string }) {
  const { user, update } = useSession();
  const [confirmed, setConfirmed] = useState<User | null>(null);
  const { run, busy, problem } = useAction(async () => {
    const answer = await verifyEmail(token);
    if (answer.user.id === user?.id) {
      update(answer.user);
      // The link opened a new tab, beside the one that requested it.
      notifyOtherTabs('changed');
    }
    setConfirmed(answer.user);
  });
  const dead = problem?.code === 'token-invalid';
  useFocusFallback(dead || confirmed);
  if (confirmed) return <Confirmed email={confirmed.email} />;
  if (dead) return <DeadLink title={problem.title} detail={problem.detail} />;
  return (
    <>
      <PageHeading title={TITLE}>{TITLE}</PageHeading>
      <p className="lead">This confirms that the e-mail address of your account is yours.</p>
      {problem && <ProblemNotice problem={problem} />}
      <Button look="primary" busy={busy} className="button-wide" onClick={run}>
        Confirm address
      </Button>
    </>
  );
}

function Confirmed({ email }: { email: string }) {
  const { user } = useSession();
  const logInState: LogInState = { from: null, notice: null, email };
  return (
    <>
      <PageHeading title="Address confirmed">Address confirmed</PageHeading>
      <Notice tone="success" live="status">
        <p>
          <strong>{email}</strong> is confirmed.
        </p>
      </Notice>
      {user ? (
        <Link to="/" className="button button-primary button-wide">
          Go to the home page
        </Link>
      ) : (
        <Link to="/login" state={logInState} className="button button-primary button-wide">
          Log in
        </Link>
      )}
    </>
  );
}

function DeadLink({ title, detail }: { title: string; detail: string }) {
  const { user } = useSession();
  return (
    <>
      <PageHeading title={TITLE}>{TITLE}</PageHeading>
      <Notice tone="warning" title={title} live="status">
        <p>{detail}</p>
      </Notice>
      <NextStep user={user} />
    </>
  );
}

function NextStep({ user }: { user: User | null }) {
  if (!user) {
    return (
      <>
        <p className="auth-aside">
          Log in to request a new link on your profile page, unless your address is already confirmed.
        </p>
        {/* Visitors are sent to log in first. */}
        <Link to="/profile" className="button button-primary button-wide">
          Log in
        </Link>
      </>
    );
  }
  if (user.email_verified) {
    return (
      <>
        <p className="auth-aside">
          Your address <strong>{user.email}</strong> is already confirmed.
        </p>
        <Link to="/" className="button button-primary button-wide">
          Go to the home page
        </Link>
      </>
    );
  }
  return (
    <>
      <SendVerification email={user.email} label="Send a new link" wide />
      <p className="auth-switch">
        <Link to="/">Go to the home page</Link>
      </p>
    </>
  );
}
