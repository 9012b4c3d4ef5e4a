import { Badge } from '../components/Badge';
import type { User } from '../lib/types';
import { SendVerification } from './SendVerification';
import './EmailStatus.css';

/** One's own address, and what to do when it is not confirmed. */
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
          <p className="muted">A link by e-mail confirms that the address is yours.</p>
          <SendVerification email={user.email} label="Send the link" />
        </>
      )}
    </>
  );
}
