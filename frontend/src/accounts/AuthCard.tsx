import type { ReactNode } from 'react';
import './AuthCard.css';

/** The card in the middle of a page for visitors who are not logged in. */
export function AuthCard({ children }: { children: ReactNode }) {
  return <div className="auth-card">{children}</div>;
}
