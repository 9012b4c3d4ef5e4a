import type { ComponentProps } from 'react';
import './Table.css';

/** A table that turns into a list of cards on narrow screens. Roles are explicit: CSS display values remove them. */
export function Table({ className, ...rest }: ComponentProps<'table'>) {
  return <table role="table" {...rest} className={['table', className].filter(Boolean).join(' ')} />;
}
