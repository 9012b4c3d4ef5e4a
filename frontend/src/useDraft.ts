// A form's state that outlives its page: see drafts.ts for how long, and for whom.
import { useState } from 'react';
import { dropDraft, loadDraft, loadFile, saveDraft, saveFile } from './drafts';
import { useSession } from './session';

/**
 * State of a form that is still there after the session ended and its user logged in again. What nobody changed
 * follows `first`. Mount with a key per form. With `keeps` false it is state like any other, for secrets.
 */
export function useDraft<Draft extends object>(
  form: string,
  first: Draft,
  keeps = true,
): [draft: Draft, change: (changes: Partial<Draft>) => void, drop: () => void] {
  const { user } = useSession();
  const place = { userId: user?.id ?? '', form };
  const [changed, setChanged] = useState<Partial<Draft>>(() => (keeps ? loadDraft<Draft>(place) : {}));

  function change(changes: Partial<Draft>) {
    const next = { ...changed, ...changes };
    setChanged(next);
    if (keeps) saveDraft(place, next);
  }

  function drop() {
    setChanged({});
    dropDraft(place);
  }

  return [{ ...first, ...changed }, change, drop];
}

/** The file that was chosen for a form, kept as drafts are. */
export function useChosenFile(form: string): [file: File | null, choose: (file: File | null) => void] {
  const { user } = useSession();
  const place = { userId: user?.id ?? '', form };
  const [file, setFile] = useState(() => loadFile(place));

  function choose(chosen: File | null) {
    setFile(chosen);
    saveFile(place, chosen);
  }

  return [file, choose];
}
