// A form's state that outlives its page: see drafts.ts for how long, and for whom.
import { useState } from 'react';
import { dropDraft, loadDraft, loadFile, saveDraft, saveFile } from '../lib/drafts';
import { useSession } from './useSession';

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
  const draftKey = { userId: user?.id ?? '', form };
  const [changed, setChanged] = useState<Partial<Draft>>(() => (keeps ? loadDraft<Draft>(draftKey) : {}));

  function change(changes: Partial<Draft>) {
    const next = { ...changed, ...changes };
    setChanged(next);
    if (keeps) saveDraft(draftKey, next);
  }

  function drop() {
    setChanged({});
    dropDraft(draftKey);
  }

  return [{ ...first, ...changed }, change, drop];
}

/** The file that was chosen for a form, kept as drafts are. */
export function useChosenFile(form: string): [file: File | null, choose: (file: File | null) => void] {
  const { user } = useSession();
  const draftKey = { userId: user?.id ?? '', form };
  const [file, setFile] = useState(() => loadFile(draftKey));

  function choose(chosen: File | null) {
    setFile(chosen);
    saveFile(draftKey, chosen);
  }

  return [file, choose];
}
