import { DeleteAccount } from '../components/DeleteAccount';
import { NameForm } from '../components/NameForm';
import { PageHeading } from '../components/PageHeading';
import { SessionList } from '../components/SessionList';
import { useSession } from '../session';

export default function ProfilePage() {
  const { user } = useSession();
  if (!user) return null;
  return (
    <>
      <div className="page-head">
        <div>
          <PageHeading title="Profile">Profile</PageHeading>
          <p className="lead">Who you are on this server, and where you are logged in.</p>
        </div>
      </div>
      <NameForm user={user} />
      <SessionList userId={user.id} />
      <DeleteAccount />
    </>
  );
}
