import { useId, useMemo } from 'react';
import { keptOutput } from '../outputs';
import type { Kept } from '../types';
import { OutputView } from './OutputView';

/** An input or output from the history, or why it is not there. */
export function KeptSection({
  heading,
  kept,
  missing,
  empty,
  fileName,
}: {
  heading: string;
  kept: Kept | null;
  /** Why there is nothing to show. */
  missing: string;
  /** What it means that there are no bytes. */
  empty: string;
  fileName: string;
}) {
  const id = useId();
  const output = useMemo(() => kept && keptOutput(kept), [kept]);
  return (
    <section aria-labelledby={id} className="section">
      <h2 id={id}>{heading}</h2>
      <div className="card">
        {output ? (
          <OutputView output={output} label={heading} empty={empty} fileName={fileName} />
        ) : (
          <p className="output-note">{missing}</p>
        )}
      </div>
    </section>
  );
}
