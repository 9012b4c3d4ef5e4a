import type { ApiProblem } from '../lib/problem';
import { Notice } from './Notice';

/** A problem in plain words. Errors whose field shows them itself are left to the field. */
export function ProblemNotice({
  problem,
  shownFields = [],
}: {
  problem: ApiProblem;
  shownFields?: string[];
}) {
  const others = problem.errors.filter((error) => !shownFields.includes(error.pointer.slice(1)));
  // The server's sentence then only points to the errors, in terms of the API.
  const allShown = problem.errors.length > 0 && others.length === 0 && problem.code === 'invalid-input';
  const detail = allShown ? 'The marked fields need your attention.' : problem.detail;
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
