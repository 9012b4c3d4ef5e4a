import { useMemo, useState } from 'react';
import { CopyButton } from '../../components/CopyButton';
import { SegmentedControl } from '../../components/SegmentedControl';
import { formatBytes } from '../../lib/format';
import type { Output } from '../../lib/output';
import { BinarySummary } from './BinarySummary';
import { DownloadLink } from './DownloadLink';
import { findHtml } from './html';
import { HtmlPreview } from './HtmlPreview';
import { JsonText } from './JsonText';
import { JsonTree } from './JsonTree';
import { OutputNote } from './OutputNote';
import { OutputText } from './OutputText';
import './OutputView.css';

/** Longer text would make the page slow. It is truncated here; the download is complete. */
const LONGEST_SHOWN = 200_000;

export type View = 'tree' | 'raw' | 'preview';
const VIEW_LABEL: Record<View, string> = { tree: 'Tree', raw: 'Raw', preview: 'Preview' };

/** The input or output of a function: as a tree, as raw text, or as a preview. It is never executed. */
export function OutputView({
  output,
  fileName,
  extension,
  firstView = null,
  label = 'Output',
  empty = 'No output',
}: {
  output: Output;
  fileName: string;
  /** The extension of the download; derived from the output by default. */
  extension?: string;
  /** The initial view, if the output has it. */
  firstView?: View | null;
  label?: string;
  /** The text for an empty output. */
  empty?: string;
}) {
  const html = useMemo(() => findHtml(output), [output]);
  const views = viewsOf(output, html);
  const [chosen, setChosen] = useState<View | null>(null);
  const wanted = chosen ?? firstView;
  const view = wanted && views.includes(wanted) ? wanted : (views[0] ?? 'raw');
  if (output.data.length === 0) return <OutputNote>{empty}</OutputNote>;
  return (
    <div className="output">
      <div className="output-bar">
        {views.length > 1 ? (
          <SegmentedControl
            label={`Show the ${label.toLowerCase()} as`}
            options={views.map((value) => ({ value, label: VIEW_LABEL[value] }))}
            value={view}
            onChange={setChosen}
          />
        ) : (
          <span className="muted">{output.kind === 'binary' ? 'Binary data' : 'Text'}</span>
        )}
        <span className="output-tools">
          <span className="muted">{formatBytes(output.data.length)}</span>
          {output.kind !== 'binary' && output.isWhole && <CopyButton text={output.text} />}
          <DownloadLink output={output} fileName={fileName} extension={extension} />
        </span>
      </div>
      {output.kind === 'binary' ? (
        <BinarySummary data={output.data} />
      ) : view === 'preview' && html !== null ? (
        <HtmlPreview html={html} label={label} />
      ) : view === 'tree' ? (
        <JsonTree text={output.text} label={label} />
      ) : (
        <RawText output={output} label={label} />
      )}
    </div>
  );
}

/** The possible views; the first is the default. */
function viewsOf(output: Output, html: string | null): View[] {
  const views: View[] = output.kind === 'json' && output.isWhole ? ['tree', 'raw'] : ['raw'];
  return html === null ? views : [...views, 'preview'];
}

function RawText({ output, label }: { output: Output; label: string }) {
  const text = output.text.slice(0, LONGEST_SHOWN);
  return (
    <>
      <OutputText label={label}>{output.kind === 'json' ? <JsonText text={text} /> : text}</OutputText>
      {(!output.isWhole || output.text.length > LONGEST_SHOWN) && (
        <OutputNote>Only the beginning is shown. Download the file for all of it.</OutputNote>
      )}
    </>
  );
}
