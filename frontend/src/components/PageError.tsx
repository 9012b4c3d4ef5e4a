import { Button } from './Button';
import { EmptyState } from './EmptyState';
import './PageError.css';

/** Shown instead of a page whose code failed. */
export function PageError() {
  return (
    <div className="page-error" role="alert">
      <h1 className="visually-hidden">Something went wrong</h1>
      <EmptyState icon="alert" title="This page has crashed">
        <p>The error did not change anything on the server. Reload the page to continue.</p>
        <Button icon="refresh" look="primary" onClick={() => window.location.reload()}>
          Reload
        </Button>
      </EmptyState>
    </div>
  );
}
