import { useEffect, useState } from 'react';
import { copyText } from '../lib/clipboard';
import { Button } from './Button';
import './CopyButton.css';

/** With `hiddenLabel`, only the icon is visible, for narrow places. */
export function CopyButton({
  text,
  label = 'Copy',
  hiddenLabel,
  look = 'quiet',
}: {
  text: string;
  label?: string;
  hiddenLabel?: string;
  look?: 'quiet' | 'primary';
}) {
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);

  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);

  return (
    <Button
      small={look === 'quiet'}
      look={look}
      icon={result === 'copied' ? 'check' : result === 'failed' ? 'x' : 'copy'}
      className={hiddenLabel ? 'copy-icon' : undefined}
      title={hiddenLabel}
      onClick={() => void copyText(text).then((worked) => setResult(worked ? 'copied' : 'failed'))}
    >
      <span aria-live="polite" className={hiddenLabel ? 'visually-hidden' : undefined}>
        {result === 'copied' ? 'Copied' : result === 'failed' ? 'Not copied' : (hiddenLabel ?? label)}
      </span>
    </Button>
  );
}
