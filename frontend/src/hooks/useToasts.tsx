// Toasts, the short messages in the corner: notifications from plugins, and results of actions.
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Tone } from '../lib/tone';
import type { NotificationLevel } from '../lib/types';
import { useFeed } from './useFeed';

export interface Toast {
  id: string;
  tone: Tone;
  title: string;
  body?: string;
  /** The plugin that sent it, if any. */
  plugin?: string;
  /** Stays until dismissed. */
  lasting?: boolean;
  action?: { label: string; run: () => void };
}

export const LEVEL_TONE: Record<NotificationLevel, Tone> = {
  info: 'accent',
  success: 'success',
  warning: 'warning',
  error: 'danger',
};

/** A limit, so that a talkative plugin cannot fill the page. The activity panel lists all notifications. */
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

/** Adds a toast at the end. If there are too many, removes the oldest one that would disappear by itself. */
export function withToast(shown: Toast[], toast: Toast, limit: number): Toast[] {
  const next = [...shown, toast];
  while (next.length > limit) {
    const oldest = next.findIndex((candidate) => !candidate.lasting);
    next.splice(oldest === -1 || oldest === next.length - 1 ? 0 : oldest, 1);
  }
  return next;
}
