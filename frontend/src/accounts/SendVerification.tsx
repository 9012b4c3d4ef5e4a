import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { ProblemNotice } from '../components/ProblemNotice';
import { useAction } from '../hooks/useAction';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { requestEmailVerification } from '../lib/api';

/** Has the server send the link that confirms one's address. */
export function SendVerification({
  email,
  label,
  wide,
}: {
  email: string;
  label: string;
  /** As wide as the card that it is in. */
  wide?: boolean;
}) {
  const { run, busy, done, problem } = useAction(() => requestEmailVerification(email));
  useFocusFallback(done);
  if (done) {
    return (
      <Notice tone="success" title="The link is on its way" live="status">
        <p>Look for an e-mail to {email}. The link in it works once, for one day.</p>
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
