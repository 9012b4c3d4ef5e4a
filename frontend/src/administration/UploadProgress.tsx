import { useEffect, useId, useRef } from 'react';
import { Button } from '../components/Button';
import { ProgressBar } from '../components/ProgressBar';
import { Spinner } from '../components/Spinner';
import { formatBytes } from '../lib/format';
import './UploadProgress.css';

/** A bundle on its way, then in the hands of the server. `sent` goes from 0 to 1. */
export function UploadProgress({ file, sent, onCancel }: { file: File; sent: number; onCancel: () => void }) {
  const titleId = useId();
  const card = useRef<HTMLElement>(null);
  const checking = sent >= 1;

  useEffect(() => {
    // What was pressed is gone.
    card.current?.focus();
  }, []);

  return (
    <section ref={card} tabIndex={-1} aria-labelledby={titleId} className="card upload-progress">
      <h2 id={titleId}>
        <span role="status">
          {checking ? 'The server looks through it and tries it out…' : `Sending “${file.name}”…`}
        </span>
      </h2>
      {checking ? (
        <p className="upload-checking">
          <Spinner />
          The module is compiled now, which takes a moment for large ones.
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
