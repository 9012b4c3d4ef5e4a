import { useEffect, useId, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { useSession } from '../hooks/useSession';
import { asProblem } from '../lib/problem';
import { ThemeChoice } from './ThemeChoice';
import './UserMenu.css';

/** A disclosure, not an ARIA menu: screen readers and the Tab key treat its content like any other. */
export function UserMenu() {
  const { user, logOut } = useSession();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const container = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const panelId = useId();

  useEffect(() => {
    if (!open) return;
    const onPointerDown = (event: PointerEvent) => {
      if (event.target instanceof Node && !container.current?.contains(event.target)) setOpen(false);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      opener.current?.focus();
    };
    document.addEventListener('pointerdown', onPointerDown);
    document.addEventListener('keydown', onKeyDown);
    return () => {
      document.removeEventListener('pointerdown', onPointerDown);
      document.removeEventListener('keydown', onKeyDown);
    };
  }, [open]);

  if (!user) return null;

  async function leave() {
    setBusy(true);
    try {
      await logOut();
    } catch (error) {
      setFailure(asProblem(error).message);
      setBusy(false);
    }
  }

  return (
    <div className="user-menu" ref={container}>
      <button
        ref={opener}
        type="button"
        className="avatar-button"
        aria-expanded={open}
        aria-controls={panelId}
        onClick={() => setOpen((shown) => !shown)}
      >
        <span className="visually-hidden">Account menu</span>
        <span className="avatar" aria-hidden="true">
          {initials(user.name || user.email)}
        </span>
        <Icon name="chevronDown" size={14} />
      </button>
      <div id={panelId} className="popover" hidden={!open}>
        <div className="user-card">
          <p className="user-name">{user.name || user.email}</p>
          <p className="user-email">{user.email}</p>
          {user.is_staff && <Badge icon="shield">Administrator</Badge>}
        </div>
        <ThemeChoice />
        <Link className="menu-item" to="/profile" onClick={() => setOpen(false)}>
          <Icon name="user" />
          Profile
        </Link>
        <Link className="menu-item" to="/tokens" onClick={() => setOpen(false)}>
          <Icon name="key" />
          Access tokens
        </Link>
        {user.is_staff && (
          <Link className="menu-item" to="/sandbox" onClick={() => setOpen(false)}>
            <Icon name="lock" />
            Sandbox
          </Link>
        )}
        {user.is_staff && (
          <a className="menu-item" href="/admin/">
            <Icon name="shield" />
            Administration
          </a>
        )}
        {failure && (
          <p className="field-error" role="alert">
            {failure}
          </p>
        )}
        <Button look="quiet" icon="logOut" className="menu-item" busy={busy} onClick={() => void leave()}>
          Log out
        </Button>
      </div>
    </div>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s@.]+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0]?.toUpperCase() ?? '')
    .join('');
}
