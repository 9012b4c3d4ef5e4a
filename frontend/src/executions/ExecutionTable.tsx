import { memo, type Ref } from 'react';
import { Link } from 'react-router';
import { Table } from '../components/Table';
import { TimeAgo } from '../components/TimeAgo';
import { useTimeText } from '../hooks/useNow';
import { formatDuration } from '../lib/format';
import type { Execution } from '../lib/types';
import { elapsedMs, isActive, STATE_LABEL, tookMs } from './executionState';
import { StateIcon } from './StateIcon';
import './ExecutionTable.css';

/**
 * Executions in the given order. There may be thousands of rows. A row is rendered again only when its execution
 * changes, and laid out only near the viewport (`content-visibility`), so that the browser's search and screen readers
 * still find every row.
 */
export function ExecutionTable({
  executions,
  showUser,
  ref,
}: {
  executions: Execution[];
  showUser: boolean;
  ref: Ref<HTMLTableElement>;
}) {
  return (
    <Table
      ref={ref}
      tabIndex={-1}
      className={showUser ? 'executions executions-of-all' : 'executions'}
      aria-label="Executions"
    >
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader">Function</th>
          <th role="columnheader">State</th>
          {showUser && <th role="columnheader">Called by</th>}
          <th role="columnheader" className="cell-number">
            Duration
          </th>
          <th role="columnheader" className="cell-number">
            Started
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {executions.map((execution) => (
          <Row key={execution.id} execution={execution} showUser={showUser} />
        ))}
      </tbody>
    </Table>
  );
}

const Row = memo(function Row({ execution, showUser }: { execution: Execution; showUser: boolean }) {
  const { id, plugin, target, problem, state, user } = execution;
  return (
    <tr role="row">
      <td role="cell" className="cell-main">
        <Link to={`/executions/${id}`} className="row-link">
          {plugin} · {execution.function}
        </Link>
        {target === 'browser' && <p className="cell-note">In a browser</p>}
        {problem && <p className="cell-note">{problem.title}</p>}
      </td>
      <td role="cell">
        <span className={`cell-state state state-${state}`}>
          <StateIcon state={state} />
          {STATE_LABEL[state]}
        </span>
      </td>
      {showUser && (
        <td role="cell" className="cell-user">
          {user ? user.name || user.email : 'A visitor'}
        </td>
      )}
      <td role="cell" className="cell-number">
        {isActive(execution) ? <ElapsedTime of={execution} /> : formatDuration(tookMs(execution))}
      </td>
      <td role="cell" className="cell-number">
        <TimeAgo at={execution.created_at} />
      </td>
    </tr>
  );
});

function ElapsedTime({ of }: { of: Execution }) {
  return useTimeText((now) => formatDuration(elapsedMs(of, now)));
}
