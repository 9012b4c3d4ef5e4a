// Keeps the keyboard focus on the page when the focused element disappears.
import { useEffect, useRef } from 'react';

/** When `value` changes and the focused element is gone, focuses the page's heading. */
export function useFocusFallback(value: unknown): void {
  const before = useRef(value);
  useEffect(() => {
    if (before.current !== value && document.activeElement === document.body)
      document.querySelector('h1')?.focus();
    before.current = value;
  }, [value]);
}
