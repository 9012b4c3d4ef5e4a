import { formatBytes } from '../../lib/format';
import { hexDump, kindOfBytes } from './binary';
import { OutputNote } from './OutputNote';
import { OutputText } from './OutputText';
import './BinarySummary.css';

const LINES = 8;

/** What can be said of bytes that are no text: what they begin like, how many, and the first of them. */
export function BinarySummary({ data }: { data: Uint8Array }) {
  const dump = hexDump(data, LINES);
  return (
    <>
      <OutputNote>
        {kindOfBytes(data)}, {formatBytes(data.length)}. It begins like this; the download has all of it.
      </OutputNote>
      <OutputText className="hex-dump" label="First bytes">
        {dump}
      </OutputText>
    </>
  );
}
