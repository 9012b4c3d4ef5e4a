import { Link } from 'react-router';
import { PageHeading } from './PageHeading';
import './NotFoundPage.css';

export function NotFoundPage({ what = 'There is no page at this address' }: { what?: string }) {
  return (
    <div className="not-found">
      <p className="not-found-code" aria-hidden="true">
        404
      </p>
      <PageHeading title="Not found">{what}</PageHeading>
      <p className="lead">It may have been moved or removed, or the address may be mistyped.</p>
      <Link to="/" className="button button-primary">
        Go to the home page
      </Link>
    </div>
  );
}
