import { memo } from 'react';
import { Link } from 'react-router';
import { TimeAgo } from '../../components/TimeAgo';
import { useTimeText } from '../../hooks/useNow';
import { formatDuration, formatElapsed } from '../../lib/format';
import type { Execution } from '../../lib/types';
import { elapsedMs, isActive, STATE_LABEL, tookMs } from '../executionState';
import { StateIcon } from '../StateIcon';
import './ActivityItem.css';

/** One execution, or the newest of several with the same outcome. Rendered again only when its props change. */
export const ActivityItem = memo(function ActivityItem({
  execution,
  times,
  showUser,
  onFollow,
}: {
  execution: Execution;
  times: number;
  showUser: boolean;
  onFollow?: () => void;
}) {
  return (
    <li className="activity-item">
      <StateIcon state={execution.state} />
      <div className="activity-text">
        <p className="activity-title">
          <Link to={`/executions/${execution.id}`} className="row-link" onClick={onFollow}>
            {execution.plugin} · {execution.function}
          </Link>
          {times > 1 && (
            <span className="muted">
              {' '}
              <span aria-hidden="true">× {times}</span>
              <span className="visually-hidden">, {times} times</span>
            </span>
          )}
        </p>
        <p className="activity-meta">
          <span className={`state state-${execution.state}`}>{STATE_LABEL[execution.state]}</span>
          {isActive(execution) ? (
            <ElapsedSeconds of={execution} />
          ) : (
            <span>{formatDuration(tookMs(execution))}</span>
          )}
          <TimeAgo at={execution.created_at} />
        </p>
        {execution.problem?.title && <p className="activity-problem">{execution.problem.title}</p>}
        {showUser && (
          <p className="activity-user">
            {execution.user ? execution.user.name || execution.user.email : 'A visitor'}
          </p>
        )}
      </div>
    </li>
  );
});

/** Empty during the first second. */
function ElapsedSeconds({ of }: { of: Execution }) {
  const text = useTimeText((now) => {
    const elapsed = elapsedMs(of, now);
    return elapsed < 1000 ? '' : formatElapsed(elapsed);
  });
  return text && <span>{text}</span>;
}
