// What somebody typed or chose, kept for the tab's life so that a lost session loses nothing.
// Drafts belong to one user, are gone after logging out, and never hold secrets.

const PREFIX = 'hostbridge.draft.';

export interface DraftKey {
  userId: string;
  /** The form within the app, such as "tokens" or "plugins/template/greet". */
  form: string;
}

/** The members that were kept; none of them may be relied on to be there. */
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
    // Storage is full or blocked: typing must go on all the same.
  }
}

export function dropDraft(draftKey: DraftKey): void {
  try {
    sessionStorage.removeItem(key(draftKey));
  } catch {
    // Blocked storage holds no drafts.
  }
}

/** No storage of a tab's own takes files, and a log-in loads no new page. */
const files = new Map<string, File>();

export function loadFile(draftKey: DraftKey): File | null {
  return files.get(key(draftKey)) ?? null;
}

/** Keeps the file that was chosen for the form, or none. */
export function saveFile(draftKey: DraftKey, file: File | null): void {
  if (file) files.set(key(draftKey), file);
  else files.delete(key(draftKey));
}

/** Forgets every draft of the tab, files as well. */
export function clearDrafts(): void {
  files.clear();
  try {
    const keys = Array.from({ length: sessionStorage.length }, (_, index) => sessionStorage.key(index));
    for (const name of keys) if (name?.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // Blocked storage holds no drafts.
  }
}

function key({ userId, form }: DraftKey): string {
  return `${PREFIX}${userId}/${form}`;
}
