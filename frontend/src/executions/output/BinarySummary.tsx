import { formatBytes } from '../../lib/format';
import { hexDump, kindOfBytes } from './binary';
import { OutputNote } from './OutputNote';
import { OutputText } from './OutputText';
import './BinarySummary.css';

const LINES = 8;

/** Binary data: its kind, its size and its first bytes. */
export function BinarySummary({ data }: { data: Uint8Array }) {
  const dump = hexDump(data, LINES);
  return (
    <>
      <OutputNote>
        {kindOfBytes(data)}, {formatBytes(data.length)}. Only the first bytes are shown. Download the file for
        all of them.
      </OutputNote>
      <OutputText className="hex-dump" label="First bytes">
        {dump}
      </OutputText>
    </>
  );
}
