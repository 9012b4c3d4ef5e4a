// What somebody typed or chose, kept for the tab's life so that a lost session loses nothing.
// Drafts belong to one user, are gone after logging out, and never hold secrets.

const PREFIX = 'hostbridge.draft.';

export interface Place {
  userId: string;
  /** The form within the app, such as "tokens" or "plugins/template/greet". */
  form: string;
}

/** The members that were kept; none of them may be relied on to be there. */
export function loadDraft<Draft extends object>(place: Place): Partial<Draft> {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(key(place)) ?? '{}');
    return typeof stored === 'object' ? { ...(stored as Partial<Draft>) } : {};
  } catch {
    return {};
  }
}

export function saveDraft(place: Place, draft: object): void {
  try {
    sessionStorage.setItem(key(place), JSON.stringify(draft));
  } catch {
    // Storage is full or blocked: typing must go on all the same.
  }
}

export function dropDraft(place: Place): void {
  try {
    sessionStorage.removeItem(key(place));
  } catch {
    // Blocked storage holds no drafts.
  }
}

/** No storage of a tab's own takes files, and a log-in loads no new page. */
const files = new Map<string, File>();

export function loadFile(place: Place): File | null {
  return files.get(key(place)) ?? null;
}

/** Keeps the file that was chosen for the form, or none. */
export function saveFile(place: Place, file: File | null): void {
  if (file) files.set(key(place), file);
  else files.delete(key(place));
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

function key({ userId, form }: Place): string {
  return `${PREFIX}${userId}/${form}`;
}
