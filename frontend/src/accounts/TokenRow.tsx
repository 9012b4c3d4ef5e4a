import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { useNow } from '../hooks/useNow';
import { fullTime, dayOf, relativeTime, timeLeft } from '../lib/time';
import type { AccessToken, PermissionInfo } from '../lib/types';
import { lifeOf, scopeTitle } from './accessTokens';

const SCOPES_SHOWN = 3;

export function TokenRow({
  token,
  operations,
  onRevoke,
}: {
  token: AccessToken;
  operations: PermissionInfo[];
  onRevoke: () => void;
}) {
  const now = useNow(60_000);
  const life = lifeOf(token, now);
  const titles = token.scopes.map((scope) => scopeTitle(scope, operations));
  return (
    <li className="row">
      <div className="row-text">
        <p className="row-title">
          {token.name}
          {token.plugin && <Badge icon="plug">For {token.plugin}</Badge>}
          {life === 'over' && (
            <Badge tone="neutral" icon="clock">
              Expired
            </Badge>
          )}
          {life === 'ending' && (
            <Badge tone="warning" icon="clock">
              Expires {timeLeft(token.expires_at, now)}
            </Badge>
          )}
        </p>
        <p title={titles.join(', ')}>
          {titles.slice(0, SCOPES_SHOWN).join(', ')}
          {titles.length > SCOPES_SHOWN && ` and ${titles.length - SCOPES_SHOWN} more`}
        </p>
        <p className="row-meta">
          <span>Created {dayOf(token.created_at)}</span>
          <span>
            {token.last_used_at ? `Last used ${relativeTime(token.last_used_at, now)}` : 'Never used'}
          </span>
          {life === 'good' && (
            <time dateTime={token.expires_at} title={fullTime(token.expires_at)}>
              Expires {dayOf(token.expires_at)}
            </time>
          )}
        </p>
      </div>
      <Button small icon="trash" onClick={onRevoke}>
        Revoke
        <span className="visually-hidden"> {token.name}</span>
      </Button>
    </li>
  );
}
