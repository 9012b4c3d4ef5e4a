import { useSessionChanges } from '../activity';
import { listSessions } from '../api';
import { DeleteAccount } from '../components/DeleteAccount';
import { NameForm } from '../components/NameForm';
import { PageHeading } from '../components/PageHeading';
import { PasswordForm } from '../components/PasswordForm';
import { SessionList } from '../components/SessionList';
import { useSession } from '../session';
import type { User } from '../types';
import { useLoaded } from '../useLoaded';

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
