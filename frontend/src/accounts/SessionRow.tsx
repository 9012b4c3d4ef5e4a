import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { useNow } from '../hooks/useNow';
import { fullTime, relativeTime, timeLeft } from '../lib/time';
import type { Session } from '../lib/types';
import { clientName } from './userAgent';

export function SessionRow({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const now = useNow(60_000);
  const client = clientName(session.user_agent);
  return (
    <li className="row">
      <div className="row-text">
        <p className="row-title" title={session.user_agent}>
          {client}
          {session.current && <Badge tone="success">This session</Badge>}
        </p>
        <p className="row-meta">
          <time dateTime={session.created_at} title={fullTime(session.created_at)}>
            Logged in {relativeTime(session.created_at, now)}
          </time>
          <span>{session.ip_address ? `From ${session.ip_address}` : 'Unknown address'}</span>
          <time dateTime={session.expires_at} title={fullTime(session.expires_at)}>
            Expires {timeLeft(session.expires_at, now)}
          </time>
        </p>
      </div>
      {!session.current && (
        <Button small icon="logOut" onClick={onEnd}>
          End
          <span className="visually-hidden"> the session of {client}</span>
        </Button>
      )}
    </li>
  );
}
