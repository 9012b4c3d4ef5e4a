import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Icon } from '../components/Icon';
import type { FunctionDetail } from '../lib/types';
import './FunctionPicker.css';

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
  const nav = useRef<HTMLElement>(null);

  useEffect(() => {
    // Scrolls the chosen function into view, without scrolling the page.
    const link = nav.current?.querySelector<HTMLElement>('[aria-current]');
    if (!nav.current || !link) return;
    const hiddenRight = link.offsetLeft + link.offsetWidth - nav.current.clientWidth;
    if (link.offsetLeft < nav.current.scrollLeft || hiddenRight > nav.current.scrollLeft)
      nav.current.scrollLeft = link.offsetLeft - nav.current.clientWidth / 2 + link.offsetWidth / 2;
  }, [current]);

  return (
    <nav ref={nav} aria-label="Functions" className="function-picker">
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
