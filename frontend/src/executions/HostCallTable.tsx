import { Badge } from '../components/Badge';
import { CopyableCode } from '../components/CopyableCode';
import { EmptyState } from '../components/EmptyState';
import { Table } from '../components/Table';
import { formatDuration } from '../lib/format';
import { clockTime, fullTime } from '../lib/time';
import type { HostCall } from '../lib/types';
import { shortSubject, statusTone, statusText } from './hostCalls';
import './HostCallTable.css';

/** The audit list of one execution. The roles are written out because the narrow layout is no table for some browsers. */
export function HostCallTable({ calls, active }: { calls: HostCall[]; active: boolean }) {
  if (calls.length === 0) {
    return (
      <EmptyState icon="shield" title={active ? 'No host calls yet' : 'It asked the host for nothing'}>
        <p>
          {active
            ? 'They are listed here when the execution has ended.'
            : 'This execution read and changed no data of this server.'}
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
                <span className="muted">No operation has that address</span>
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
