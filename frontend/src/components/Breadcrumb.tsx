import { Link } from 'react-router';
import { Icon } from './Icon';
import './Breadcrumb.css';

/** The link back to the list that a page belongs to. */
export function Breadcrumb({ to, children }: { to: string; children: string }) {
  return (
    <nav aria-label="Breadcrumb" className="breadcrumb">
      <Link to={to}>
        <Icon name="arrowLeft" size={14} />
        {children}
      </Link>
    </nav>
  );
}
