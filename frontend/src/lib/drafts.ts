// Drafts: what a user typed or chose, stored in the tab so that it survives an expired session. A draft belongs to one
// user, is deleted on log-out, and never contains secrets.

const PREFIX = 'hostbridge.draft.';

export interface DraftKey {
  userId: string;
  /** Identifies the form, such as "tokens" or "plugins/template/greet". */
  form: string;
}

/** The stored members; any of them may be missing. */
export function loadDraft<Draft extends object>(draftKey: DraftKey): Partial<Draft> {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(key(draftKey)) ?? '{}');
    return typeof stored === 'object' ? { ...(stored as Partial<Draft>) } : {};
  } catch {
    return {};
  }
}

export function saveDraft(draftKey: DraftKey, draft: object): void {
  try {
    sessionStorage.setItem(key(draftKey), JSON.stringify(draft));
  } catch {
    // Storage is full or blocked. The user can still type.
  }
}

export function dropDraft(draftKey: DraftKey): void {
  try {
    sessionStorage.removeItem(key(draftKey));
  } catch {
    // Storage is blocked: there are no drafts.
  }
}

/** In memory: sessionStorage cannot hold files, and a log-in does not load a new page. */
const files = new Map<string, File>();

export function loadFile(draftKey: DraftKey): File | null {
  return files.get(key(draftKey)) ?? null;
}

/** Stores the chosen file; null removes it. */
export function saveFile(draftKey: DraftKey, file: File | null): void {
  if (file) files.set(key(draftKey), file);
  else files.delete(key(draftKey));
}

/** Deletes every draft of the tab, including files. */
export function clearDrafts(): void {
  files.clear();
  try {
    const keys = Array.from({ length: sessionStorage.length }, (_, index) => sessionStorage.key(index));
    for (const name of keys) if (name?.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // Storage is blocked: there are no drafts.
  }
}

function key({ userId, form }: DraftKey): string {
  return `${PREFIX}${userId}/${form}`;
}
