import { useId, useState, type DragEvent } from 'react';
import { hasFolder } from '../bundles';
import { Icon } from './Icon';

/** A place for a file: dropped there, or chosen with the file input, which is all that keyboards need. */
export function DropZone({
  hint,
  onFiles,
  onFolder,
}: {
  hint: string;
  onFiles: (files: File[]) => void;
  onFolder: () => void;
}) {
  const id = useId();
  const [over, setOver] = useState(false);

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    if (hasFolder(event.dataTransfer.items)) onFolder();
    else onFiles(Array.from(event.dataTransfer.files));
  }

  return (
    <div
      className={over ? 'drop-zone drop-zone-over' : 'drop-zone'}
      onDragOver={(event) => {
        event.preventDefault(); // or the browser would open the file in place of the page
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <span className="empty-icon">
        <Icon name="upload" size={22} />
      </span>
      <p className="empty-title">Drop a bundle here</p>
      <p id={`${id}-hint`}>{hint}</p>
      <input
        id={id}
        type="file"
        accept=".zip,application/zip"
        className="visually-hidden"
        aria-describedby={`${id}-hint`}
        onChange={(event) => {
          const files = Array.from(event.target.files ?? []);
          event.target.value = ''; // the same file, mended, can be chosen again
          if (files.length > 0) onFiles(files);
        }}
      />
      <label htmlFor={id} className="button button-primary">
        Choose a file
      </label>
    </div>
  );
}
