import { useEffect, useRef } from 'react';
import { useActivity } from '../activity';
import { useSession } from '../session';
import { useNow } from '../time';
import { ActivityItem } from './ActivityItem';
import { ConnectionBadge } from './ConnectionBadge';
import { EmptyState } from './EmptyState';
import { IconButton } from './IconButton';
import { LoadFailure } from './LoadFailure';
import { Skeleton } from './Skeleton';

/** Recent executions, live. `onClose` makes it a drawer. */
export function ActivityPanel({ onClose }: { onClose?: () => void }) {
  const { executions, connection, loaded, problem, refresh } = useActivity();
  const { user } = useSession();
  const now = useNow(1000);
  const closeButton = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (onClose) closeButton.current?.querySelector('button')?.focus();
  }, [onClose]);

  return (
    <section aria-label="Activity" className={onClose ? 'activity activity-drawer' : 'activity'}>
      <div className="activity-head" ref={closeButton}>
        <h2>Activity</h2>
        <ConnectionBadge state={connection} />
        {onClose && <IconButton icon="x" label="Close activity" onClick={onClose} />}
      </div>
      <div className="activity-body" role="group" aria-label="Recent executions" tabIndex={0}>
        {problem && executions.length === 0 && <LoadFailure problem={problem} onRetry={refresh} />}
        {!loaded && executions.length === 0 && <Skeleton lines={6} />}
        {loaded && !problem && executions.length === 0 && (
          <EmptyState icon="activity" title="Quiet so far">
            <p>Run a function and it shows up here at once.</p>
          </EmptyState>
        )}
        {executions.length > 0 && (
          <ol className="activity-list">
            {executions.map((execution) => (
              <ActivityItem
                key={execution.id}
                execution={execution}
                now={now}
                showUser={Boolean(user?.is_staff)}
              />
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
