import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';
import './EmptyState.css';

/** Says that there is nothing to show, and what to do next. Inside a card it is a single row. */
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
