import { describeOutput, type Output } from '../lib/output';
import type { RecordedData } from '../lib/types';

/** Recorded data as an output. */
export function recordedOutput({ encoding, content }: RecordedData): Output {
  return describeOutput(
    encoding === 'text'
      ? new TextEncoder().encode(content)
      : Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0)),
  );
}
