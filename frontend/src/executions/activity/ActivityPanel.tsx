import { useEffect, useRef } from 'react';
import { EmptyState } from '../../components/EmptyState';
import { IconButton } from '../../components/IconButton';
import { LoadFailure } from '../../components/LoadFailure';
import { Skeleton } from '../../components/Skeleton';
import { useConnection } from '../../hooks/useFeed';
import { useSession } from '../../hooks/useSession';
import { ActivityItem } from './ActivityItem';
import { ConnectionBadge } from './ConnectionBadge';
import { NotificationItem } from './NotificationItem';
import { timeline } from './timeline';
import { useActivity } from './useActivity';
import './ActivityPanel.css';

/** Recent executions and notifications, live. With `onClose`, the panel is a drawer. */
export function ActivityPanel({ onClose }: { onClose?: () => void }) {
  const { executions, notifications, loaded, problem, refresh } = useActivity();
  const connection = useConnection();
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
          <EmptyState icon="activity" title="No activity yet">
            <p>Run a function to see it here.</p>
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
