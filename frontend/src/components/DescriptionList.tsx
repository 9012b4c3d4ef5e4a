import type { ReactNode } from 'react';
import './DescriptionList.css';

/** Terms and their values. */
export function DescriptionList({ children }: { children: ReactNode }) {
  return <dl className="description-list">{children}</dl>;
}

/** One term and its value; a wide item takes a whole row. */
export function DescriptionItem({
  term,
  wide,
  children,
}: {
  term: string;
  wide?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={wide ? 'description-wide' : undefined}>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}
