import type { ConnectionState } from '../../lib/eventStream';
import './ConnectionBadge.css';

const LABEL: Record<ConnectionState, string> = {
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};
const HINT: Record<ConnectionState, string> = {
  live: 'New activity appears as it happens',
  reconnecting: 'The connection was lost; trying again',
  offline: 'The server cannot be reached; still trying from time to time',
};

export function ConnectionBadge({ state }: { state: ConnectionState }) {
  return (
    <span className={`connection connection-${state}`} role="status" title={HINT[state]}>
      <span className="connection-dot" aria-hidden="true" />
      {LABEL[state]}
    </span>
  );
}
