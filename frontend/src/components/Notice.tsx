import type { ReactNode } from 'react';
import type { Tone } from '../lib/tone';
import { Icon, type IconName } from './Icon';
import './Notice.css';

export const TONE_ICON: Record<Tone, IconName> = {
  neutral: 'info',
  accent: 'info',
  success: 'checkCircle',
  warning: 'alert',
  danger: 'xCircle',
};

/** A message in the flow of the page. With `live`, screen readers announce it when it appears. */
export function Notice({
  tone = 'accent',
  title,
  live,
  children,
}: {
  tone?: Tone;
  title?: string;
  live?: 'status' | 'alert';
  children?: ReactNode;
}) {
  return (
    <div className={`notice tone-${tone}`} role={live}>
      <Icon name={TONE_ICON[tone]} size={18} />
      <div className="notice-text">
        {title && <p className="notice-title">{title}</p>}
        {children}
      </div>
    </div>
  );
}
