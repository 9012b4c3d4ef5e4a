import { PageHeading } from './PageHeading';
import { Skeleton } from './Skeleton';

/** Until the code of a page for anybody is there. */
export function CardOnItsWay() {
  return (
    <div className="auth-card">
      <PageHeading title="Loading" hidden>
        Loading
      </PageHeading>
      <Skeleton lines={4} />
    </div>
  );
}
