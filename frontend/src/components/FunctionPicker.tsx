import { Link } from 'react-router';
import type { FunctionDetail } from '../types';
import { Icon } from './Icon';

export function FunctionPicker({
  slug,
  functions,
  current,
  blockedBecause,
}: {
  slug: string;
  functions: FunctionDetail[];
  current: string;
  blockedBecause: (candidate: FunctionDetail) => string | null;
}) {
  return (
    <nav aria-label="Functions" className="function-picker">
      <ul>
        {functions.map((candidate) => {
          const reason = blockedBecause(candidate);
          return (
            <li key={candidate.name}>
              <Link
                to={`/plugins/${slug}/${candidate.name}`}
                aria-current={candidate.name === current ? 'page' : undefined}
                className={reason ? 'function-link function-link-blocked' : 'function-link'}
                title={reason ?? undefined}
              >
                {reason && <Icon name="lock" size={14} />}
                {candidate.title}
                {reason && <span className="visually-hidden"> (not available)</span>}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
