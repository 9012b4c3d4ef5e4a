// Form state that outlives its page. See lib/drafts.ts for how long, and for which user.
import { useState } from 'react';
import { dropDraft, loadDraft, loadFile, saveDraft, saveFile } from '../lib/drafts';
import { useSession } from './useSession';

/**
 * Form state that survives the end of the session, until the same user logs in again. Unchanged members follow
 * `first`. Mount with a key per form. With `stores` false, nothing is stored: use this for secrets.
 */
export function useDraft<Draft extends object>(
  form: string,
  first: Draft,
  stores = true,
): [draft: Draft, change: (changes: Partial<Draft>) => void, drop: () => void] {
  const { user } = useSession();
  const draftKey = { userId: user?.id ?? '', form };
  const [changed, setChanged] = useState<Partial<Draft>>(() => (stores ? loadDraft<Draft>(draftKey) : {}));

  function change(changes: Partial<Draft>) {
    const next = { ...changed, ...changes };
    setChanged(next);
    if (stores) saveDraft(draftKey, next);
  }

  function drop() {
    setChanged({});
    dropDraft(draftKey);
  }

  return [{ ...first, ...changed }, change, drop];
}

/** The file chosen for a form, stored in the same way as drafts. */
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
