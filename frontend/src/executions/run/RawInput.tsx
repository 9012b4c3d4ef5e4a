import { useId, type ClipboardEvent } from 'react';
import './RawInput.css';

/** Longer text makes the field and the page slow. */
const LONGEST_PASTED = 200_000;

export function RawInput({
  formId,
  label,
  hint = 'Sent exactly as typed.',
  value,
  error,
  onChange,
  onSubmit,
  onFile,
}: {
  formId: string;
  label: string;
  hint?: string;
  value: string;
  error: string | null;
  onChange: (value: string) => void;
  onSubmit: () => void;
  /** Receives pasted files, and pasted text that is too long for the field. */
  onFile?: (file: File) => void;
}) {
  const id = useId();

  function paste(event: ClipboardEvent) {
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData('text');
    const file = files[0] ?? (text.length > LONGEST_PASTED ? new File([text], 'pasted.txt') : null);
    if (!file || !onFile) return;
    event.preventDefault();
    onFile(file);
  }

  return (
    <form
      id={formId}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <div className="field">
        <label htmlFor={id}>{label}</label>
        <textarea
          id={id}
          className="input raw-input"
          rows={Math.min(18, Math.max(7, value.split('\n').length + 1))}
          spellCheck={false}
          autoCapitalize="off"
          value={value}
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? `${id}-hint ${id}-error` : `${id}-hint`}
          onChange={(event) => onChange(event.target.value)}
          onPaste={paste}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
              event.currentTarget.form?.requestSubmit();
          }}
        />
        <p id={`${id}-hint`} className="field-hint">
          {hint} Press <kbd>Ctrl</kbd> <kbd>Enter</kbd> to run.
        </p>
        {error && (
          <p id={`${id}-error`} className="field-error" role="alert">
            {error}
          </p>
        )}
      </div>
    </form>
  );
}
