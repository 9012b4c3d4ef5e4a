import { Badge } from '../components/Badge';
import { CopyableCode } from '../components/CopyableCode';
import { EmptyState } from '../components/EmptyState';
import { Table } from '../components/Table';
import { formatDuration } from '../lib/format';
import { clockTime, fullTime } from '../lib/time';
import type { HostCall } from '../lib/types';
import { shortSubject, statusTone, statusText } from './hostCalls';
import './HostCallTable.css';

/** The host calls of one execution. Roles are explicit because some browsers drop them in the narrow layout. */
export function HostCallTable({ calls, active }: { calls: HostCall[]; active: boolean }) {
  if (calls.length === 0) {
    return (
      <EmptyState icon="shield" title={active ? 'No host calls yet' : 'No host calls'}>
        <p>
          {active
            ? 'They appear here when the execution has finished.'
            : 'This execution did not read or change any data on this server.'}
        </p>
      </EmptyState>
    );
  }
  return (
    <Table className="host-calls" aria-labelledby="host-calls-heading">
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader">Operation</th>
          <th role="columnheader">Subject</th>
          <th role="columnheader">Status</th>
          <th role="columnheader" className="cell-number">
            Duration
          </th>
          <th role="columnheader" className="cell-number">
            Time
          </th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {calls.map((call, index) => (
          <tr role="row" key={index}>
            <td role="cell" className="cell-main">
              {call.operation ? (
                <code>{call.operation}</code>
              ) : (
                <span className="muted">Unknown operation</span>
              )}
            </td>
            <td role="cell">
              {call.subject ? (
                <CopyableCode text={call.subject} label={`Copy ${call.subject}`}>
                  {shortSubject(call.subject)}
                </CopyableCode>
              ) : (
                <span className="muted">
                  <span aria-hidden="true">–</span>
                  <span className="visually-hidden">none</span>
                </span>
              )}
            </td>
            <td role="cell">
              <Badge tone={statusTone(call.status)}>
                {call.status} {statusText(call.status)}
              </Badge>
            </td>
            <td role="cell" className="cell-number">
              {formatDuration(call.duration_ms)}
            </td>
            <td role="cell" className="cell-number">
              <time dateTime={call.at} title={fullTime(call.at)}>
                {clockTime(call.at)}
              </time>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
