import { Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { NavLink, useLocation } from 'react-router';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Icon } from '../components/Icon';
import { PageHeading } from '../components/PageHeading';
import { Skeleton } from '../components/Skeleton';
import { ActivityPanel } from '../executions/activity/ActivityPanel';
import { useActivity } from '../executions/activity/useActivity';
import { isActive } from '../executions/executionState';
import { useMediaQuery } from '../hooks/useMediaQuery';
import { OfflineBanner } from './OfflineBanner';
import { SkipLink } from './SkipLink';
import { Toasts } from './Toasts';
import { UserMenu } from './UserMenu';
import { Wordmark } from './Wordmark';
import './AppLayout.css';
import './TopBar.css';

/** The frame of every page for logged-in users. The activity panel is a column, or a drawer on narrow screens. */
export function AppLayout({ children }: { children: ReactNode }) {
  const wide = useMediaQuery('(min-width: 1180px)');
  const [open, setOpen] = useState(false);
  const drawerOpen = open && !wide;
  const { pathname } = useLocation();
  const { announcement, executions } = useActivity();
  const active = executions.filter(isActive).length;
  const opener = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);

  useEffect(() => {
    if (!drawerOpen) return;
    const button = opener.current;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => {
      document.removeEventListener('keydown', onKeyDown);
      button?.focus();
    };
  }, [drawerOpen, close]);

  return (
    <div className="app-layout">
      <div className="app-page" inert={drawerOpen}>
        <SkipLink />
        <header className="topbar">
          <Wordmark />
          <nav aria-label="Main" className="topnav">
            <NavLink to="/" end>
              Home
            </NavLink>
            <NavLink to="/plugins">Plugins</NavLink>
            <NavLink to="/executions">Executions</NavLink>
          </nav>
          <div className="topbar-end">
            {!wide && (
              <button
                ref={opener}
                type="button"
                className="button button-quiet activity-toggle"
                aria-expanded={drawerOpen}
                onClick={() => setOpen(true)}
              >
                <Icon name="activity" size={18} />
                <span className="activity-toggle-text">Activity</span>
                {active > 0 && (
                  <span className="count">
                    {active}
                    <span className="visually-hidden"> running</span>
                  </span>
                )}
              </button>
            )}
            <UserMenu />
          </div>
        </header>
        <OfflineBanner />
        <main id="main" tabIndex={-1} className="app-main">
          <ErrorBoundary resetKey={pathname}>
            <Suspense fallback={<LoadingPage />}>{children}</Suspense>
          </ErrorBoundary>
        </main>
      </div>
      {drawerOpen && <div className="drawer-backdrop" onClick={close} />}
      {(wide || drawerOpen) && <ActivityPanel onClose={drawerOpen ? close : undefined} />}
      <div role="status" className="visually-hidden">
        {announcement}
      </div>
      <Toasts />
    </div>
  );
}

/** Shown while the code of a page loads. */
function LoadingPage() {
  return (
    <>
      <PageHeading title="Loading" hidden>
        Loading
      </PageHeading>
      <Skeleton lines={7} />
    </>
  );
}
