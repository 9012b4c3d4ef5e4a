import { useEffect, useRef, type RefObject } from 'react';

/** For a section that is edited in place. Opening focuses its first field; closing focuses the button that opened it. */
export function useEditFocus(editing: boolean): RefObject<HTMLElement | null> {
  const section = useRef<HTMLElement>(null);
  const wasEditing = useRef(editing);
  useEffect(() => {
    if (wasEditing.current !== editing)
      section.current?.querySelector<HTMLElement>(editing ? 'input, select, textarea' : 'button')?.focus();
    wasEditing.current = editing;
  }, [editing]);
  return section;
}
