import type { ReactNode } from 'react';
import './OutputNote.css';

/** A sentence about an output, or in its place. */
export function OutputNote({ className, children }: { className?: string; children: ReactNode }) {
  return <p className={['output-note', className].filter(Boolean).join(' ')}>{children}</p>;
}
