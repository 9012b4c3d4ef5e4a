// Finds the execution that belongs to a call on the server, so that it can be cancelled. The response names it only
// after its end. The live events report each execution when it starts: the right one is recognised by its input.
import type { Call } from '../../lib/calls';
import type { LiveEvent } from '../../lib/types';

export interface OwnExecution {
  hear: (event: LiveEvent) => void;
  /** Null if no execution matches, or more than one: another tab may make the same call. */
  id: () => string | null;
}

/** `hear` must receive all events from before the call is made. */
export function watchForOwnExecution({ slug, name, body }: Call, userId: string | undefined): OwnExecution {
  const bytes = sizeOf(body);
  const matching = new Set<string>();
  const ended = new Set<string>();
  return {
    hear: (event) => {
      if (event.type === 'execution.finished') ended.add(event.data.id);
      if (event.type !== 'execution.started') return;
      const { id, plugin, function: called, target, user, input_bytes: inputBytes } = event.data;
      if (
        plugin === slug &&
        called === name &&
        target === 'server' &&
        user?.id === userId &&
        inputBytes === bytes
      )
        matching.add(id);
    },
    id: () => {
      const [id, ...others] = matching;
      return id !== undefined && others.length === 0 && !ended.has(id) ? id : null;
    },
  };
}

function sizeOf(body: Call['body']): number {
  if (body instanceof Blob) return body.size;
  return typeof body === 'string' ? new TextEncoder().encode(body).length : body.length;
}
