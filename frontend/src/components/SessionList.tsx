import { useState } from 'react';
import { endOtherSessions, endSession } from '../api';
import { useToasts } from '../toasts';
import type { Session } from '../types';
import { useFocusRescue } from '../useFocusRescue';
import type { useLoaded } from '../useLoaded';
import { clientName } from '../userAgent';
import { Button } from './Button';
import { ConfirmDialog } from './ConfirmDialog';
import { LoadFailure } from './LoadFailure';
import { SessionRow } from './SessionRow';
import { Skeleton } from './Skeleton';

/** Where this user is logged in; each other place can be logged out. */
export function SessionList({ loaded }: { loaded: ReturnType<typeof useLoaded<Session[]>> }) {
  const { show } = useToasts();
  const { state, retry, reload } = loaded;
  const [ending, setEnding] = useState<Session | 'others' | null>(null);
  const sessions = state.status === 'loaded' ? state.value : [];
  useFocusRescue(sessions.length);

  async function end(which: Session | 'others') {
    if (which === 'others') await endOtherSessions();
    else await endSession(which.id);
    show({
      tone: 'success',
      title:
        which === 'others' ? 'Logged out everywhere else' : `${clientName(which.user_agent)} is logged out`,
    });
    reload();
  }

  return (
    <section aria-labelledby="sessions-heading" className="section">
      <div className="section-head">
        <h2 id="sessions-heading">Where you are logged in</h2>
        {sessions.length > 1 && (
          <Button small onClick={() => setEnding('others')}>
            Log out everywhere else
          </Button>
        )}
      </div>
      {state.status === 'loading' && <Skeleton lines={4} />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && (
        <ul className="rows card">
          {sessions.map((session) => (
            <SessionRow key={session.id} session={session} onEnd={() => setEnding(session)} />
          ))}
        </ul>
      )}
      {ending && (
        <ConfirmDialog
          danger
          title={
            ending === 'others' ? 'Log out everywhere else?' : `Log out ${clientName(ending.user_agent)}?`
          }
          confirm="Log out"
          onConfirm={() => end(ending)}
          onClose={() => setEnding(null)}
        >
          <p>
            {ending === 'others'
              ? 'Every other browser and program with a session of yours has to log in again. This one goes on.'
              : 'Whoever uses it has to log in again.'}
          </p>
        </ConfirmDialog>
      )}
    </section>
  );
}
