import { LoadFailure } from '../components/LoadFailure';
import { useSession } from '../hooks/useSession';
import { Wordmark } from './Wordmark';
import './StartPage.css';

/** Shown while the session loads, and when it could not be loaded. */
export function StartPage() {
  const { state, retry } = useSession();
  return (
    <main className="start-page">
      <h1 className="visually-hidden">Hostbridge</h1>
      <Wordmark />
      {state.status === 'failed' ? (
        <LoadFailure problem={state.problem} onRetry={retry} />
      ) : (
        <p className="start-loading muted" role="status">
          Loading…
        </p>
      )}
    </main>
  );
}
