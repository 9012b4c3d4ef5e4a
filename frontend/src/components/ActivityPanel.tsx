import { useEffect, useRef } from 'react';
import { useActivity } from '../activity';
import { timeline } from '../notifications';
import { useSession } from '../session';
import { ActivityItem } from './ActivityItem';
import { ConnectionBadge } from './ConnectionBadge';
import { EmptyState } from './EmptyState';
import { IconButton } from './IconButton';
import { LoadFailure } from './LoadFailure';
import { NotificationItem } from './NotificationItem';
import { Skeleton } from './Skeleton';

/** Recent executions and what plugins tell, live. `onClose` makes it a drawer. */
export function ActivityPanel({ onClose }: { onClose?: () => void }) {
  const { executions, notifications, connection, loaded, problem, refresh } = useActivity();
  const { user } = useSession();
  const items = timeline(executions, notifications);
  const closeButton = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (onClose) closeButton.current?.querySelector('button')?.focus();
  }, [onClose]);

  return (
    <section
      aria-label="Activity"
      {...(onClose && { role: 'dialog', 'aria-modal': true })}
      className={onClose ? 'activity activity-drawer' : 'activity'}
    >
      <div className="activity-head" ref={closeButton}>
        <h2>Activity</h2>
        <ConnectionBadge state={connection} />
        {onClose && <IconButton icon="x" label="Close activity" onClick={onClose} />}
      </div>
      <div className="activity-body" role="group" aria-label="Recent activity" tabIndex={0}>
        {problem && items.length === 0 && <LoadFailure problem={problem} onRetry={refresh} />}
        {!loaded && items.length === 0 && <Skeleton lines={6} />}
        {loaded && !problem && items.length === 0 && (
          <EmptyState icon="activity" title="Quiet so far">
            <p>Run a function and it shows up here at once.</p>
          </EmptyState>
        )}
        {items.length > 0 && (
          <ol className="activity-list">
            {items.map((item) =>
              item.kind === 'execution' ? (
                <ActivityItem
                  key={item.key}
                  execution={item.execution}
                  times={item.times}
                  showUser={Boolean(user?.is_staff)}
                  onFollow={onClose}
                />
              ) : (
                <NotificationItem key={item.event.id} event={item.event} />
              ),
            )}
          </ol>
        )}
      </div>
    </section>
  );
}
