import { Link } from 'react-router';
import { elapsedMs, isActive, STATE_LABEL } from '../executions';
import { fullTime, relativeTime } from '../time';
import { formatDuration, formatElapsed } from '../timing';
import type { Execution } from '../types';
import { StateIcon } from './StateIcon';

export function ActivityItem({
  execution,
  now,
  showUser,
  onFollow,
}: {
  execution: Execution;
  now: number;
  showUser: boolean;
  onFollow?: () => void;
}) {
  const elapsed = elapsedMs(execution, now);
  const active = isActive(execution);
  return (
    <li className="activity-item">
      <StateIcon state={execution.state} />
      <div className="activity-text">
        <p className="activity-title">
          <Link to={`/executions/${execution.id}`} className="row-link" onClick={onFollow}>
            {execution.plugin} · {execution.function}
          </Link>
        </p>
        <p className="activity-meta">
          <span className={`state state-${execution.state}`}>{STATE_LABEL[execution.state]}</span>
          {active ? (
            elapsed >= 1000 && <span>{formatElapsed(elapsed)}</span>
          ) : (
            <span>{formatDuration(elapsed)}</span>
          )}
          <time dateTime={execution.created_at} title={fullTime(execution.created_at)}>
            {relativeTime(execution.created_at, now)}
          </time>
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
}
