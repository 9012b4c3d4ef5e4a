import { useEffect, useState } from 'react';
import type { Output } from '../runner';
import { formatBytes } from '../timing';
import { CopyButton } from './CopyButton';
import { Icon } from './Icon';
import { JsonText } from './JsonText';
import { Segmented } from './Segmented';

/** Longer text would make the page slow; it is cut here and whole in the download. */
const LONGEST_SHOWN = 200_000;

export function OutputView({ output, fileName }: { output: Output; fileName: string }) {
  const [view, setView] = useState<'pretty' | 'raw'>('pretty');
  const text =
    output.kind === 'binary'
      ? null
      : output.kind === 'json' && view === 'pretty'
        ? output.pretty
        : output.text;
  return (
    <div className="output">
      <div className="output-bar">
        {output.kind === 'json' ? (
          <Segmented
            label="Show the output as"
            options={[
              { value: 'pretty', label: 'Pretty' },
              { value: 'raw', label: 'Raw' },
            ]}
            value={view}
            onChange={setView}
          />
        ) : (
          <span className="muted">{output.kind === 'text' ? 'Text' : 'Binary data'}</span>
        )}
        <span className="output-tools">
          <span className="muted">{formatBytes(output.bytes)}</span>
          {text !== null && <CopyButton text={text} />}
          <DownloadLink output={output} fileName={fileName} />
        </span>
      </div>
      {text === null ? (
        <p className="output-note">This cannot be shown as text. Download it to look at it.</p>
      ) : text === '' ? (
        <p className="output-note">The function answered with nothing.</p>
      ) : (
        <pre className="output-text" role="group" tabIndex={0} aria-label="Output">
          {output.kind === 'json' ? (
            <JsonText text={text.slice(0, LONGEST_SHOWN)} />
          ) : (
            text.slice(0, LONGEST_SHOWN)
          )}
        </pre>
      )}
      {text !== null && text.length > LONGEST_SHOWN && (
        <p className="output-note">Only the beginning is shown. The download has all of it.</p>
      )}
    </div>
  );
}

function DownloadLink({ output, fileName }: { output: Output; fileName: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const data = output.kind === 'binary' ? output.data : output.text;
    const created = URL.createObjectURL(new Blob([data], { type: 'application/octet-stream' }));
    // eslint-disable-next-line react-hooks/set-state-in-effect -- an object URL has to be given back, so an effect owns it
    setUrl(created);
    return () => URL.revokeObjectURL(created);
  }, [output]);
  const extension = { json: 'json', text: 'txt', binary: 'bin' }[output.kind];
  return (
    <a className="button button-quiet button-small" href={url} download={`${fileName}.${extension}`}>
      <Icon name="download" />
      Download
    </a>
  );
}
