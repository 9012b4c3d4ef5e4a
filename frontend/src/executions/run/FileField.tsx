import { useId, useRef, useState, type ReactNode } from 'react';
import { Button } from '../../components/Button';
import { FileInput } from '../../components/FileInput';
import { Icon } from '../../components/Icon';
import { useFileDrop } from '../../hooks/useFileDrop';
import { pickFile } from '../../lib/files';
import { formatBytes } from '../../lib/format';
import './FileField.css';

/** Takes one file as the input of a function. Without a file, `children` offer another way to enter it. */
export function FileField({
  file,
  maxBytes,
  onChoose,
  children,
}: {
  file: File | null;
  maxBytes: number;
  onChoose: (file: File | null) => void;
  children: ReactNode;
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [complaint, setComplaint] = useState('');
  const { over, handlers } = useFileDrop(take, () =>
    setComplaint('That is a folder. Choose a file instead.'),
  );

  function take(files: readonly File[]) {
    const picked = pickFile(files, maxBytes);
    setComplaint(picked.ok ? '' : picked.reason);
    if (picked.ok) onChoose(picked.file);
  }

  function remove() {
    setComplaint('');
    onChoose(null);
    input.current?.focus(); // the pressed button is gone
  }

  return (
    <div className="file-field" {...handlers}>
      <div className={over ? 'file-box file-box-over' : file ? 'file-box file-chosen' : 'file-box'}>
        <Icon name={file ? 'file' : 'upload'} size={20} />
        <div className="file-text" role="status">
          <p className="file-name">{file ? file.name : 'Drop a file here'}</p>
          <p id={id} className="field-hint">
            {file ? formatBytes(file.size) : `At most ${formatBytes(maxBytes)}`}
          </p>
        </div>
        <FileInput
          input={input}
          label={file ? 'Choose another file' : 'Choose a file'}
          look="plain"
          describedBy={id}
          onFiles={take}
        />
        {file && (
          <Button look="quiet" icon="x" onClick={remove}>
            Remove
          </Button>
        )}
      </div>
      {complaint && (
        <p className="field-error" role="alert">
          {complaint}
        </p>
      )}
      {!file && children}
    </div>
  );
}
