// Detects the format of the source while the user is still choosing options.
import { useEffect, useState } from 'react';
import { run } from '../executions/run/runFunction';
import { readBeginning } from '../lib/textFiles';
import { DETECT_BYTES, detection, readDetected, type Detected } from './conversion';

/** How long to wait after the last key press. */
const TYPING_MS = 1000;

/** Null until detected, and where this browser cannot run plugins: the source is never sent to the server for this. */
export function useDetectedFormat(source: Blob | null): Detected | null {
  const [found, setFound] = useState<{ source: Blob; detected: Detected | null } | null>(null);
  useEffect(() => {
    if (!source) return;
    const controller = new AbortController();
    const timer = setTimeout(
      () =>
        detect(source, controller.signal).then(
          (detected) => setFound({ source, detected }),
          () => undefined, // aborted for another source, or unreadable, which the run will report
        ),
      source instanceof File ? 0 : TYPING_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [source]);
  return found?.source === source ? found.detected : null;
}

async function detect(source: Blob, signal: AbortSignal): Promise<Detected | null> {
  const text = await readBeginning(source, DETECT_BYTES);
  if (!text.trim()) return null;
  const outcome = await run(detection(text), 'browser', signal);
  return outcome.ok ? readDetected(outcome.output) : null;
}
