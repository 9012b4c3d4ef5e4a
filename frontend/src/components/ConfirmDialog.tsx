import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { asProblem, type ApiProblem } from '../lib/problem';
import { Button } from './Button';
import { ProblemNotice } from './ProblemNotice';
import { TextField } from './TextField';
import './ConfirmDialog.css';

/** Asks for confirmation of an action that affects others. Shown while mounted; the browser keeps the focus inside. */
export function ConfirmDialog({
  title,
  confirm,
  danger,
  word,
  shownFields,
  children,
  onConfirm,
  onClose,
}: {
  title: string;
  /** The label of the button that confirms. */
  confirm: string;
  danger?: boolean;
  /** A word to type first, for actions that cannot be undone. */
  word?: string;
  /** Names of fields inside the dialog that show their own errors. */
  shownFields?: string[];
  children: ReactNode;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);

  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  async function goAhead() {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }

  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        if (!busy) onClose();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      <div className="dialog-text">{children}</div>
      {word !== undefined && (
        <div className="dialog-word">
          <TextField
            label={`Type ${word} to confirm`}
            value={typed}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
      )}
      {problem && <ProblemNotice problem={problem} shownFields={shownFields} />}
      <div className="dialog-foot">
        <Button onClick={onClose} disabled={busy}>
          Cancel
        </Button>
        <Button
          look={danger ? 'danger' : 'primary'}
          busy={busy}
          disabled={word !== undefined && typed.trim() !== word}
          onClick={() => void goAhead()}
        >
          {confirm}
        </Button>
      </div>
    </dialog>
  );
}
