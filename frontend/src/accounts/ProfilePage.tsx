import { PageHeader } from '../components/PageHeader';
import { useSessionChanges } from '../hooks/useFeed';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { listSessions } from '../lib/api';
import type { User } from '../lib/types';
import { DeleteAccount } from './DeleteAccount';
import { NameForm } from './NameForm';
import { PasswordForm } from './PasswordForm';
import { SessionList } from './SessionList';

export default function ProfilePage() {
  const { user } = useSession();
  return user && <Profile user={user} />;
}

function Profile({ user }: { user: User }) {
  const sessions = useLoaded(listSessions);
  useSessionChanges(user.id, sessions.reload);
  return (
    <>
      <PageHeader title="Profile" lead="Your name, e-mail address, password and sessions." />
      <NameForm user={user} />
      <PasswordForm email={user.email} onChanged={sessions.reload} />
      <SessionList loaded={sessions} />
      <DeleteAccount />
    </>
  );
}
