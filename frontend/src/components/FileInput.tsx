import { useId, type Ref } from 'react';
import './FileInput.css';

/** A button that opens the browser's file dialog. It also works by keyboard. */
export function FileInput({
  label = 'Choose a file',
  accept,
  look = 'primary',
  describedBy,
  input,
  onFiles,
}: {
  label?: string;
  accept?: string;
  look?: 'primary' | 'plain';
  describedBy?: string;
  input?: Ref<HTMLInputElement>;
  onFiles: (files: File[]) => void;
}) {
  const id = useId();
  return (
    <span className="file-input">
      <input
        ref={input}
        id={id}
        type="file"
        accept={accept}
        className="visually-hidden"
        aria-describedby={describedBy}
        onChange={(event) => {
          const files = Array.from(event.target.files ?? []);
          event.target.value = ''; // so that the same file can be chosen again after a change
          if (files.length > 0) onFiles(files);
        }}
      />
      <label htmlFor={id} className={`button button-${look}`}>
        {label}
      </label>
    </span>
  );
}
