import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';
import './EmptyState.css';

/** That there is nothing, and what to do next. Within a card, beside things that matter more, it is one row. */
export function EmptyState({
  icon,
  title,
  children,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
}) {
  return (
    <div className="empty-state">
      <span className="empty-icon">
        <Icon name={icon} size={22} />
      </span>
      <div className="empty-text">
        <p className="empty-title">{title}</p>
        {children}
      </div>
    </div>
  );
}
