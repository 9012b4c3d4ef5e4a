// Messages in the corner: what plugins tell, and what an action did.
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Tone } from '../lib/tone';
import type { NotificationLevel } from '../lib/types';
import { useFeed } from './useFeed';

export interface Toast {
  id: string;
  tone: Tone;
  title: string;
  body?: string;
  /** The plugin that speaks, if it is one. */
  plugin?: string;
  /** Stays until it is dismissed. */
  lasting?: boolean;
  action?: { label: string; run: () => void };
}

export const LEVEL_TONE: Record<NotificationLevel, Tone> = {
  info: 'accent',
  success: 'success',
  warning: 'warning',
  error: 'danger',
};

/** A plugin that speaks without end must not fill the page; the activity still has them all. */
const SHOWN = 3;
let made = 0;

interface ToastsValue {
  toasts: Toast[];
  show: (toast: Omit<Toast, 'id'>) => void;
  dismiss: (id: string) => void;
}

const ToastsContext = createContext<ToastsValue | null>(null);

export function ToastProvider({ children }: { children: ReactNode }) {
  const { subscribe } = useFeed();
  const [toasts, setToasts] = useState<Toast[]>([]);

  const add = useCallback((toast: Toast) => setToasts((shown) => withToast(shown, toast, SHOWN)), []);
  const show = useCallback((toast: Omit<Toast, 'id'>) => add({ ...toast, id: `own-${(made += 1)}` }), [add]);
  const dismiss = useCallback(
    (id: string) => setToasts((shown) => shown.filter((toast) => toast.id !== id)),
    [],
  );

  useEffect(
    () =>
      subscribe((event) => {
        if (event.type !== 'notification') return;
        const { title, body, level, plugin } = event.data;
        add({ id: event.id, tone: LEVEL_TONE[level], title, body, plugin, lasting: level === 'error' });
      }),
    [subscribe, add],
  );

  const value = useMemo(() => ({ toasts, show, dismiss }), [toasts, show, dismiss]);
  return <ToastsContext value={value}>{children}</ToastsContext>;
}

export function useToasts(): ToastsValue {
  const value = use(ToastsContext);
  if (!value) throw new Error('useToasts needs a ToastProvider above it');
  return value;
}

/** The newest last; when there are too many, the oldest that would go by itself leaves first. */
export function withToast(shown: Toast[], toast: Toast, limit: number): Toast[] {
  const next = [...shown, toast];
  while (next.length > limit) {
    const passing = next.findIndex((candidate) => !candidate.lasting);
    next.splice(passing === -1 || passing === next.length - 1 ? 0 : passing, 1);
  }
  return next;
}
