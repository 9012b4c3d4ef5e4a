import type { Target } from '../types';
import { Button } from './Button';

/** A run in this browser ends; one on the server may go on without anybody who waits for it. */
export function CancelButton({ target, onClick }: { target: Target; onClick: () => void }) {
  return (
    <Button look="quiet" onClick={onClick}>
      {target === 'browser' ? 'Cancel' : 'Stop waiting'}
    </Button>
  );
}
