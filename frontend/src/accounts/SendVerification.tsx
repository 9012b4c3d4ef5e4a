import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { ProblemNotice } from '../components/ProblemNotice';
import { useAction } from '../hooks/useAction';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { requestEmailVerification } from '../lib/api';

/** A button that sends the link that confirms the user's address. */
export function SendVerification({
  email,
  label,
  wide,
}: {
  email: string;
  label: string;
  /** Makes the button as wide as its card. */
  wide?: boolean;
}) {
  const { run, busy, done, problem } = useAction(() => requestEmailVerification(email));
  useFocusFallback(done);
  if (done) {
    return (
      <Notice tone="success" title="Link sent" live="status">
        <p>We sent a link to {email}. It works once and expires after one day.</p>
      </Notice>
    );
  }
  return (
    <>
      {problem && <ProblemNotice problem={problem} />}
      {wide ? (
        <Button look="primary" className="button-wide" busy={busy} onClick={run}>
          {label}
        </Button>
      ) : (
        <div>
          <Button busy={busy} onClick={run}>
            {label}
          </Button>
        </div>
      )}
    </>
  );
}
