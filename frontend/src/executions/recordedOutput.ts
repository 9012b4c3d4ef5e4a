import { describeOutput, type Output } from '../lib/output';
import type { RecordedData } from '../lib/types';

/** What the history kept, as a call would have answered it. */
export function recordedOutput({ encoding, content }: RecordedData): Output {
  return describeOutput(
    encoding === 'text'
      ? new TextEncoder().encode(content)
      : Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0)),
  );
}
