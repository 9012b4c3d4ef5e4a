import { useEffect, useId, useRef } from 'react';
import { Button } from '../components/Button';
import { ProgressBar } from '../components/ProgressBar';
import { Spinner } from '../components/Spinner';
import { formatBytes } from '../lib/format';
import './UploadProgress.css';

/** The progress of an upload, then of the server's checks. `sent` goes from 0 to 1. */
export function UploadProgress({ file, sent, onCancel }: { file: File; sent: number; onCancel: () => void }) {
  const titleId = useId();
  const card = useRef<HTMLElement>(null);
  const checking = sent >= 1;

  useEffect(() => {
    // The pressed button is gone.
    card.current?.focus();
  }, []);

  return (
    <section ref={card} tabIndex={-1} aria-labelledby={titleId} className="card upload-progress">
      <h2 id={titleId}>
        <span role="status">
          {checking ? 'The server is checking the bundle…' : `Uploading “${file.name}”…`}
        </span>
      </h2>
      {checking ? (
        <p className="upload-checking">
          <Spinner />
          Compiling the module. Large modules take a moment.
        </p>
      ) : (
        <>
          <ProgressBar labelledBy={titleId} value={sent} />
          <div className="upload-foot">
            <span className="muted">
              {formatBytes(Math.round(sent * file.size))} of {formatBytes(file.size)}
            </span>
            <Button small onClick={onCancel}>
              Cancel
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
