import { useEffect, useId, useRef } from 'react';
import { Button } from '../components/Button';
import { CopyButton } from '../components/CopyButton';
import { Icon } from '../components/Icon';
import type { NewAccessToken } from '../lib/types';
import './NewToken.css';

/** Shows a new token, the only time that this is possible. The token is kept in the page's memory only. */
export function NewToken({ made, onDone }: { made: NewAccessToken; onDone: () => void }) {
  const panel = useRef<HTMLElement>(null);
  const headingId = useId();
  const fieldId = useId();

  useEffect(() => {
    panel.current?.focus();
    panel.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  return (
    <section ref={panel} tabIndex={-1} aria-labelledby={headingId} className="card new-token">
      <h2 id={headingId}>Token “{made.name}” created</h2>
      <p className="new-token-warning">
        <Icon name="alert" />
        Copy it now: it is shown only once. Anyone who has it can use it.
      </p>
      <div className="new-token-field">
        <label htmlFor={fieldId} className="visually-hidden">
          Token
        </label>
        <input
          id={fieldId}
          className="input mono"
          readOnly
          value={made.token}
          spellCheck={false}
          onFocus={(event) => event.target.select()}
        />
        <CopyButton text={made.token} label="Copy token" look="primary" />
      </div>
      <Button onClick={onDone}>Done</Button>
    </section>
  );
}
