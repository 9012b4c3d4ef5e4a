import type { ConnectionState } from '../../lib/eventStream';
import './ConnectionBadge.css';

const LABEL: Record<ConnectionState, string> = {
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};
const HINT: Record<ConnectionState, string> = {
  live: 'New activity appears immediately',
  reconnecting: 'Connection lost; reconnecting',
  offline: 'The server cannot be reached; retrying',
};

export function ConnectionBadge({ state }: { state: ConnectionState }) {
  return (
    <span className={`connection connection-${state}`} role="status" title={HINT[state]}>
      <span className="connection-dot" aria-hidden="true" />
      {LABEL[state]}
    </span>
  );
}
