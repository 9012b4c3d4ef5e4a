import { useId, useMemo } from 'react';
import type { RecordedData } from '../lib/types';
import { OutputNote } from './output/OutputNote';
import { OutputView } from './output/OutputView';
import { recordedOutput } from './recordedOutput';

/** An input or output from the history, or why it is not there. */
export function RecordedDataSection({
  heading,
  kept,
  missing,
  empty,
  fileName,
}: {
  heading: string;
  kept: RecordedData | null;
  /** Why there is nothing to show. */
  missing: string;
  /** What it means that there are no bytes. */
  empty: string;
  fileName: string;
}) {
  const id = useId();
  const output = useMemo(() => kept && recordedOutput(kept), [kept]);
  return (
    <section aria-labelledby={id} className="section">
      <h2 id={id}>{heading}</h2>
      <div className="card">
        {output ? (
          <OutputView output={output} label={heading} empty={empty} fileName={fileName} />
        ) : (
          <OutputNote>{missing}</OutputNote>
        )}
      </div>
    </section>
  );
}
