import { useId } from 'react';

export function RawInput({
  formId,
  label,
  value,
  error,
  onChange,
  onSubmit,
}: {
  formId: string;
  label: string;
  value: string;
  error: string | null;
  onChange: (value: string) => void;
  onSubmit: () => void;
}) {
  const id = useId();
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
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
              event.currentTarget.form?.requestSubmit();
          }}
        />
        <p id={`${id}-hint`} className="field-hint">
          Sent exactly as typed. <kbd>Ctrl</kbd> <kbd>Enter</kbd> runs it.
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
