import { LoadFailure } from '../components/LoadFailure';
import { useSession } from '../hooks/useSession';
import { Wordmark } from './Wordmark';
import './StartPage.css';

/** What is seen until the server has said who is there; a failure to say so can be tried again. */
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
