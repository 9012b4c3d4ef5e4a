import { useId } from 'react';
import { FileInput } from '../components/FileInput';
import { Icon } from '../components/Icon';
import { useFileDrop } from '../hooks/useFileDrop';
import '../components/EmptyState.css';
import './DropZone.css';

/** Takes a bundle, by drag and drop or by file dialog. */
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
  const { over, handlers } = useFileDrop(onFiles, onFolder);
  return (
    <div className={over ? 'drop-zone drop-zone-over' : 'drop-zone'} {...handlers}>
      <span className="empty-icon">
        <Icon name="upload" size={22} />
      </span>
      <p className="empty-title">Drop a bundle here</p>
      <p id={id}>{hint}</p>
      <FileInput accept=".zip,application/zip" describedBy={id} onFiles={onFiles} />
    </div>
  );
}
