// Which execution a call to the server became. Its answer names it only when it has ended; the live events tell
// of every execution as it begins, so the caller's own is known by what it was called with.
import type { Call } from '../../lib/calls';
import type { LiveEvent } from '../../lib/types';

export interface OwnExecution {
  hear: (event: LiveEvent) => void;
  /** Null while none can be meant, or more than one: another tab may make the very same call, and either may end. */
  id: () => string | null;
}

/** Has to hear all events from before the call is made. */
export function watchForOwnExecution({ slug, name, body }: Call, userId: string | undefined): OwnExecution {
  const bytes = sizeOf(body);
  const fitting = new Set<string>();
  const ended = new Set<string>();
  return {
    hear: (event) => {
      if (event.type === 'execution.finished') ended.add(event.data.id);
      if (event.type !== 'execution.started') return;
      const { id, plugin, function: called, target, user, input_bytes: took } = event.data;
      if (plugin === slug && called === name && target === 'server' && user?.id === userId && took === bytes)
        fitting.add(id);
    },
    id: () => {
      const [id, ...others] = fitting;
      return id !== undefined && others.length === 0 && !ended.has(id) ? id : null;
    },
  };
}

function sizeOf(body: Call['body']): number {
  if (body instanceof Blob) return body.size;
  return typeof body === 'string' ? new TextEncoder().encode(body).length : body.length;
}
