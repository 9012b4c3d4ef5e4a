import { useCallback, useEffect } from 'react';
import { useFeed } from '../hooks/useFeed';
import { getExecution } from '../lib/api';
import type { WatchEnd } from '../lib/calls';
import { isActive } from './executionState';

/** Waits for an execution's end: by its event, or from its record where events may have been missed. */
export function useWatchEnd(): WatchEnd {
  const { subscribe, subscribeToGaps } = useFeed();
  return useCallback(
    (id, onEnd) => {
      const stopListening = subscribe((event) => {
        if (event.type === 'execution.finished' && event.data.id === id) onEnd(event.data);
      });
      const stopListeningForGaps = subscribeToGaps(() => {
        getExecution(id).then(
          (execution) => {
            if (!isActive(execution)) onEnd(execution);
          },
          () => null, // the run itself will still report its end
        );
      });
      return () => {
        stopListening();
        stopListeningForGaps();
      };
    },
    [subscribe, subscribeToGaps],
  );
}

/** Calls `onChange` when this execution has started or ended, or may have. */
export function useExecutionChanges(id: string, onChange: () => void): void {
  const { subscribe, subscribeToGaps } = useFeed();
  useEffect(() => subscribeToGaps(onChange), [subscribeToGaps, onChange]);
  useEffect(
    () =>
      subscribe((event) => {
        if (event.type !== 'execution.started' && event.type !== 'execution.finished') return;
        if (event.data.id === id) onChange();
      }),
    [subscribe, id, onChange],
  );
}
