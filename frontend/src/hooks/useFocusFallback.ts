// Keeps keyboard users on the page when a button does away with itself.
import { useEffect, useRef } from 'react';

/** When `value` changes and what had the focus is gone with the old one, the page's heading takes it. */
export function useFocusFallback(value: unknown): void {
  const before = useRef(value);
  useEffect(() => {
    if (before.current !== value && document.activeElement === document.body)
      document.querySelector('h1')?.focus();
    before.current = value;
  }, [value]);
}
