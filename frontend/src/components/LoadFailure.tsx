import type { ApiProblem } from '../lib/problem';
import { Button } from './Button';
import { EmptyState } from './EmptyState';

export function LoadFailure({ problem, onRetry }: { problem: ApiProblem; onRetry: () => void }) {
  return (
    <div role="alert">
      <EmptyState icon="alert" title={problem.title}>
        {problem.detail && <p>{problem.detail}</p>}
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      </EmptyState>
    </div>
  );
}
