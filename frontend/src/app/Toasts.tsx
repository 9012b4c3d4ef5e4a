import { useEffect, useState } from 'react';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { IconButton } from '../components/IconButton';
import { TONE_ICON } from '../components/Notice';
import { useToasts, type Toast } from '../hooks/useToasts';
import './Toasts.css';

const SHOWN_MS = 8_000;
/** Longer for a toast with a button. */
const SHOWN_WITH_ACTION_MS = 15_000;

/** Short messages in the corner. Screen readers announce them without moving the focus. They stay while hovered or focused. */
export function Toasts() {
  const { toasts, dismiss } = useToasts();
  const [held, setHeld] = useState(false);
  return (
    <section
      aria-label="Notifications"
      className="toasts"
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <ol aria-live="polite" aria-relevant="additions" className="toast-list">
        {toasts.map((toast) => (
          <ToastItem
            key={toast.id}
            toast={toast}
            held={held}
            onDismiss={() => {
              // The pressed button disappears, and no blur or mouseleave event follows.
              setHeld(false);
              dismiss(toast.id);
            }}
          />
        ))}
      </ol>
    </section>
  );
}

function ToastItem({ toast, held, onDismiss }: { toast: Toast; held: boolean; onDismiss: () => void }) {
  const { dismiss } = useToasts();
  const { id, lasting, action } = toast;

  useEffect(() => {
    if (lasting || held) return;
    const timer = setTimeout(() => dismiss(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [id, lasting, held, action, dismiss]);

  return (
    <li className="toast">
      <span className={`toast-icon tone-${toast.tone}`}>
        <Icon name={TONE_ICON[toast.tone]} size={16} />
      </span>
      <div className="toast-text">
        {toast.plugin && <p className="toast-from">{toast.plugin}</p>}
        <p className="toast-title">{toast.title}</p>
        {toast.body && <p className="toast-body">{toast.body}</p>}
        {action && (
          <Button
            small
            icon="undo"
            onClick={() => {
              action.run();
              onDismiss();
            }}
          >
            {action.label}
          </Button>
        )}
      </div>
      <IconButton icon="x" label={`Dismiss: ${toast.title}`} onClick={onDismiss} />
    </li>
  );
}
