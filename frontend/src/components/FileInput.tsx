import { useId, type Ref } from 'react';
import './FileInput.css';

/** A button that opens the browser's own choice of files; it is all that keyboards need. */
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
          event.target.value = ''; // the same file, mended, can be chosen again
          if (files.length > 0) onFiles(files);
        }}
      />
      <label htmlFor={id} className={`button button-${look}`}>
        {label}
      </label>
    </span>
  );
}
