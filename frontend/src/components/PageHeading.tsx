import { useEffect, useRef, type ReactNode } from 'react';
import { useNavigationType } from 'react-router';

let firstPage = true;

/** The page's h1. It names the document, and takes the focus when the page was reached from another one. */
export function PageHeading({ children, title }: { children: ReactNode; title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const navigation = useNavigationType();

  useEffect(() => {
    document.title = `${title} · Hostbridge`;
  }, [title]);

  useEffect(() => {
    // A page loaded from its address starts at the top by itself, and a field may want the focus.
    if (!firstPage && !document.activeElement?.matches('input, textarea')) heading.current?.focus();
    firstPage = false;
  }, [navigation]);

  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}
