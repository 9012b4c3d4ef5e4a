import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon';
import { Spinner } from './Spinner';
import './Button.css';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'primary' | 'plain' | 'quiet' | 'danger';
  small?: boolean;
  icon?: IconName;
  /** Shows that work is under way; the button then does nothing, and keeps the focus, as a disabled one would not. */
  busy?: boolean;
}

export function Button(props: ButtonProps) {
  const { look = 'plain', small, icon, busy, className, onClick, children, ...rest } = props;
  const classes = ['button', `button-${look}`, small && 'button-small', className].filter(Boolean).join(' ');
  return (
    <button
      type="button"
      {...rest}
      className={classes}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      // Also keeps a form from being sent again, by the button or by Enter in one of its fields.
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
