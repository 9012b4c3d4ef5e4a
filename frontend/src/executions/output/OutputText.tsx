import type { ReactNode } from 'react';
import './OutputText.css';

/** Preformatted text that scrolls, also by keyboard. */
export function OutputText({
  label,
  className,
  children,
}: {
  label: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    <pre
      className={['output-text', className].filter(Boolean).join(' ')}
      role="group"
      tabIndex={0}
      aria-label={label}
    >
      {children}
    </pre>
  );
}
