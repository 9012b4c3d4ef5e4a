import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react';
import { useLocation } from 'react-router';

/** The history entry of the last mounted heading; null before the first page. */
let lastEntry: string | null = null;
/** Whether that heading had the focus when it was unmounted. */
let focusIsFree = false;

/**
 * The page's h1; every page has one, also while it loads. It sets the document's title. It takes the focus after
 * navigation from another page, and when it replaces a heading that had the focus.
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
    // A page that the browser loads starts at the top by itself, and a field may have the focus already.
    const navigated = lastEntry !== null && lastEntry !== entry.current;
    const typing = document.activeElement?.matches('input, textarea');
    if (focusIsFree || (navigated && !typing)) heading.current?.focus();
    lastEntry = entry.current;
    focusIsFree = false;
  }, []);

  return (
    <h1 ref={heading} tabIndex={-1} className={hidden ? 'visually-hidden' : undefined}>
      {children}
    </h1>
  );
}
