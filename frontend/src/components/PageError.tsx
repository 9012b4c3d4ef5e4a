import { Button } from './Button';
import { EmptyState } from './EmptyState';
import './PageError.css';

/** In the place of a page whose code failed. */
export function PageError() {
  return (
    <div className="page-error" role="alert">
      <h1 className="visually-hidden">Something went wrong</h1>
      <EmptyState icon="alert" title="This page ran into an error">
        <p>Nothing on the server was changed by it. Load the page again to go on.</p>
        <Button icon="refresh" look="primary" onClick={() => window.location.reload()}>
          Load again
        </Button>
      </EmptyState>
    </div>
  );
}
