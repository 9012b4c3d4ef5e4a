import { Badge } from '../components/Badge';
import type { User } from '../lib/types';
import { SendVerification } from './SendVerification';
import './EmailStatus.css';

/** The user's own e-mail address, and how to confirm it. */
export function EmailStatus({ user }: { user: User }) {
  return (
    <>
      <div>
        <p className="muted">E-mail</p>
        <p className="profile-email">
          {user.email}
          {user.email_verified ? (
            <Badge tone="success" icon="check">
              Confirmed
            </Badge>
          ) : (
            <Badge tone="warning">Not confirmed</Badge>
          )}
        </p>
      </div>
      {!user.email_verified && (
        <>
          <p className="muted">We can send you a link that confirms that this address is yours.</p>
          <SendVerification email={user.email} label="Send link" />
        </>
      )}
    </>
  );
}
