import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon';
import './IconButton.css';

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: IconName;
  label: string;
}

export function IconButton({ icon, label, className = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" title={label} aria-label={label} {...rest} className={`icon-button ${className}`}>
      <Icon name={icon} size={18} />
    </button>
  );
}
