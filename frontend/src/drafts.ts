// What somebody typed into a function's form, kept for the tab's life so that a lost session loses nothing.
// Drafts belong to one user, are gone after logging out, and never hold secrets.

const PREFIX = 'hostbridge.draft.';

export interface Draft {
  mode: 'form' | 'raw';
  data: unknown;
  raw: string;
}

interface Place {
  userId: string;
  slug: string;
  name: string;
}

export function loadDraft(place: Place): Draft | null {
  try {
    const stored = sessionStorage.getItem(key(place));
    return stored ? (JSON.parse(stored) as Draft) : null;
  } catch {
    return null;
  }
}

export function saveDraft(place: Place, draft: Draft): void {
  try {
    sessionStorage.setItem(key(place), JSON.stringify(draft));
  } catch {
    // Storage is full or blocked: typing must go on all the same.
  }
}

/** Forgets every draft of the tab. */
export function clearDrafts(): void {
  try {
    const keys = Array.from({ length: sessionStorage.length }, (_, index) => sessionStorage.key(index));
    for (const name of keys) if (name?.startsWith(PREFIX)) sessionStorage.removeItem(name);
  } catch {
    // Blocked storage holds no drafts.
  }
}

function key({ userId, slug, name }: Place): string {
  return `${PREFIX}${userId}/${slug}/${name}`;
}
