import { useId, useMemo } from 'react';
import type { RecordedData } from '../lib/types';
import { OutputNote } from './output/OutputNote';
import { OutputView } from './output/OutputView';
import { recordedOutput } from './recordedOutput';

/** The recorded input or output of an execution, or why it was not recorded. */
export function RecordedDataSection({
  heading,
  data,
  missing,
  empty,
  fileName,
}: {
  heading: string;
  data: RecordedData | null;
  /** Why there is no data. */
  missing: string;
  /** The text for empty data. */
  empty: string;
  fileName: string;
}) {
  const id = useId();
  const output = useMemo(() => data && recordedOutput(data), [data]);
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
