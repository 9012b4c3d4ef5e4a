import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon';
import { Spinner } from './Spinner';
import './Button.css';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'primary' | 'plain' | 'quiet' | 'danger';
  small?: boolean;
  icon?: IconName;
  /** Shows that work is in progress. The button then does nothing, but unlike a disabled one it keeps the focus. */
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
      // Also prevents a second submission, by the button or by Enter in a field.
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
