import type { ReactNode } from 'react';
import { PageHeading } from './PageHeading';
import './PageHeader.css';

/** The top of a page: its heading, a sentence about it, and controls beside them. */
export function PageHeader({
  title,
  heading = title,
  lead,
  children,
}: {
  /** The document's title. */
  title: string;
  heading?: string;
  lead: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="page-head">
      <div>
        <PageHeading title={title}>{heading}</PageHeading>
        <p className="lead">{lead}</p>
      </div>
      {children}
    </div>
  );
}
