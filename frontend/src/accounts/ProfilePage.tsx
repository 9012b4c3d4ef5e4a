import { useSessionChanges } from '../hooks/useFeed';
import { listSessions } from '../lib/api';
import { DeleteAccount } from './DeleteAccount';
import { NameForm } from './NameForm';
import { PageHeading } from '../components/PageHeading';
import { PasswordForm } from './PasswordForm';
import { SessionList } from './SessionList';
import { useSession } from '../hooks/useSession';
import type { User } from '../lib/types';
import { useLoaded } from '../hooks/useLoaded';

export default function ProfilePage() {
  const { user } = useSession();
  return user && <Profile user={user} />;
}

function Profile({ user }: { user: User }) {
  const sessions = useLoaded(listSessions);
  useSessionChanges(user.id, sessions.reload);
  return (
    <>
      <div className="page-head">
        <div>
          <PageHeading title="Profile">Profile</PageHeading>
          <p className="lead">Who you are on this server, and where you are logged in.</p>
        </div>
      </div>
      <NameForm user={user} />
      <PasswordForm email={user.email} onChanged={sessions.reload} />
      <SessionList loaded={sessions} />
      <DeleteAccount />
    </>
  );
}
