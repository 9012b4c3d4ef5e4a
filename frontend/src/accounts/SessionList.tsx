import { useState } from 'react';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { LoadFailure } from '../components/LoadFailure';
import { Skeleton } from '../components/Skeleton';
import { useFocusFallback } from '../hooks/useFocusFallback';
import type { useLoaded } from '../hooks/useLoaded';
import { useToasts } from '../hooks/useToasts';
import { endOtherSessions, endSession } from '../lib/api';
import type { Session } from '../lib/types';
import { SessionRow } from './SessionRow';
import { clientName } from './userAgent';

/** The user's sessions. Every session but the current one can be ended. */
export function SessionList({ loaded }: { loaded: ReturnType<typeof useLoaded<Session[]>> }) {
  const { show } = useToasts();
  const { state, retry, reload } = loaded;
  const [ending, setEnding] = useState<Session | 'others' | null>(null);
  const sessions = state.status === 'loaded' ? state.value : [];
  useFocusFallback(sessions.length);

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
              ? 'Every other browser and program that is logged in as you has to log in again. This session continues.'
              : 'Anyone who uses this session has to log in again.'}
          </p>
        </ConfirmDialog>
      )}
    </section>
  );
}
