import { useEffect, useState } from 'react';
import { copyText } from '../clipboard';
import { Button } from './Button';

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);

  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);

  return (
    <Button
      small
      look="quiet"
      icon={result === 'copied' ? 'check' : 'copy'}
      onClick={() => void copyText(text).then((worked) => setResult(worked ? 'copied' : 'failed'))}
    >
      <span aria-live="polite">
        {result === 'copied' ? 'Copied' : result === 'failed' ? 'Not copied' : label}
      </span>
    </Button>
  );
}
