import { useCallback, useEffect } from 'react';
import { useFeed } from '../hooks/useFeed';
import { getExecution } from '../lib/api';
import type { WatchEnd } from '../lib/calls';
import { isActive } from './executionState';

/** Hears of an execution's end by its event or, where events may have been missed, from its record. */
export function useWatchEnd(): WatchEnd {
  const { subscribe, subscribeToGaps } = useFeed();
  return useCallback(
    (id, onEnd) => {
      const stopListening = subscribe((event) => {
        if (event.type === 'execution.finished' && event.data.id === id) onEnd(event.data);
      });
      const stopAsking = subscribeToGaps(() => {
        getExecution(id).then(
          (execution) => {
            if (!isActive(execution)) onEnd(execution);
          },
          () => null, // the run's own end will be told all the same
        );
      });
      return () => {
        stopListening();
        stopAsking();
      };
    },
    [subscribe, subscribeToGaps],
  );
}

/** Calls `onNews` when this execution has started or ended, or may have. */
export function useExecutionNews(id: string, onNews: () => void): void {
  const { subscribe, subscribeToGaps } = useFeed();
  useEffect(() => subscribeToGaps(onNews), [subscribeToGaps, onNews]);
  useEffect(
    () =>
      subscribe((event) => {
        if (event.type !== 'execution.started' && event.type !== 'execution.finished') return;
        if (event.data.id === id) onNews();
      }),
    [subscribe, id, onNews],
  );
}
