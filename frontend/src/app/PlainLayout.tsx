import type { ReactNode } from 'react';
import { SkipLink } from './SkipLink';
import { ThemeButton } from './ThemeButton';
import { Wordmark } from './Wordmark';
import './PlainLayout.css';
import './TopBar.css';

/** The frame of pages for visitors: one card in the middle. */
export function PlainLayout({ children }: { children: ReactNode }) {
  return (
    <div className="plain-layout">
      <SkipLink />
      <header className="topbar topbar-plain">
        <Wordmark />
        <ThemeButton />
      </header>
      <main id="main" tabIndex={-1} className="plain-main">
        {children}
      </main>
      <footer className="plain-footer">Run WebAssembly plugins safely on your own server.</footer>
    </div>
  );
}
