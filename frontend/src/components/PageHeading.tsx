import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react';
import { useLocation } from 'react-router';

/** The history entry whose heading was mounted last; null before the first page. */
let lastEntry: string | null = null;
/** Whether that heading had the focus when it went away. */
let focusIsFree = false;

/**
 * The page's h1; each page has one, also while its data is on its way. It names the document, and takes the focus when
 * the page was reached from another one, or when it replaces a heading that had it.
 */
export function PageHeading({
  children,
  title,
  hidden,
}: {
  children: ReactNode;
  title: string;
  /** For screen readers only. */
  hidden?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const entry = useRef(useLocation().key);

  useEffect(() => {
    document.title = `${title} · Hostbridge`;
  }, [title]);

  useLayoutEffect(() => {
    const element = heading.current;
    return () => {
      focusIsFree = document.activeElement === element;
    };
  }, []);

  useEffect(() => {
    // A page loaded from its address starts at the top by itself, and a field may want the focus.
    const reached = lastEntry !== null && lastEntry !== entry.current;
    const typing = document.activeElement?.matches('input, textarea');
    if (focusIsFree || (reached && !typing)) heading.current?.focus();
    lastEntry = entry.current;
    focusIsFree = false;
  }, []);

  return (
    <h1 ref={heading} tabIndex={-1} className={hidden ? 'visually-hidden' : undefined}>
      {children}
    </h1>
  );
}
