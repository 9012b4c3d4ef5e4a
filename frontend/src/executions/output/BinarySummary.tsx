import { hexDump, kindOfBytes } from './binary';
import { formatBytes } from '../../lib/format';

const LINES = 8;

/** What can be said of bytes that are no text: what they begin like, how many, and the first of them. */
export function BinarySummary({ data }: { data: Uint8Array }) {
  const dump = hexDump(data, LINES);
  return (
    <>
      <p className="output-note">
        {kindOfBytes(data)}, {formatBytes(data.length)}. It begins like this; the download has all of it.
      </p>
      <pre className="output-text hex-dump" role="group" tabIndex={0} aria-label="First bytes">
        {dump}
      </pre>
    </>
  );
}
