import type { ReactNode } from 'react';
import type { Tone } from '../lib/tone';
import { Icon, type IconName } from './Icon';
import './Badge.css';

export function Badge({
  tone = 'neutral',
  icon,
  title,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  title?: string;
  children: ReactNode;
}) {
  return (
    <span className={`badge tone-${tone}`} title={title}>
      {icon && <Icon name={icon} size={13} />}
      {children}
    </span>
  );
}
