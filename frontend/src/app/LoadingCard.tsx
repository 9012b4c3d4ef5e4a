import { AuthCard } from '../accounts/AuthCard';
import { PageHeading } from '../components/PageHeading';
import { Skeleton } from '../components/Skeleton';

/** Shown while the code of a page for visitors loads. */
export function LoadingCard() {
  return (
    <AuthCard>
      <PageHeading title="Loading" hidden>
        Loading
      </PageHeading>
      <Skeleton lines={4} />
    </AuthCard>
  );
}
