import type { ApiProblem } from '../lib/problem';
import { Notice } from './Notice';

/** A problem as a message. Errors of `shownFields` are left out: these fields show their own. */
export function ProblemNotice({
  problem,
  shownFields = [],
}: {
  problem: ApiProblem;
  shownFields?: string[];
}) {
  const others = problem.errors.filter((error) => !shownFields.includes(error.pointer.slice(1)));
  // The server's detail then only refers to the errors, in API terms.
  const allShown = problem.errors.length > 0 && others.length === 0 && problem.code === 'invalid-input';
  const detail = allShown ? 'Check the marked fields.' : problem.detail;
  return (
    <Notice tone="danger" title={problem.title} live="alert">
      {detail && <p>{detail}</p>}
      {others.length > 0 && (
        <ul className="notice-list">
          {others.map((error) => (
            <li key={error.pointer + error.detail}>
              {error.pointer && <code>{error.pointer.slice(1)}</code>} {error.detail}
            </li>
          ))}
        </ul>
      )}
      {problem.retryAfterSeconds !== null && <p>Try again in {problem.retryAfterSeconds} s.</p>}
    </Notice>
  );
}
