// Takes files that are dropped on an element. Without it the browser opens them in place of the page.
import { useState, type DragEvent } from 'react';
import { hasFolder } from './files';

export interface FileDrop {
  /** Whether something hovers above the element. */
  over: boolean;
  handlers: {
    onDragOver: (event: DragEvent) => void;
    onDragLeave: () => void;
    onDrop: (event: DragEvent) => void;
  };
}

/** `handlers` are the element's props. */
export function useFileDrop(onFiles: (files: File[]) => void, onFolder: () => void): FileDrop {
  const [over, setOver] = useState(false);
  return {
    over,
    handlers: {
      onDragOver: (event) => {
        if (!event.dataTransfer.types.includes('Files')) return; // text goes to the field below
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(false);
        if (hasFolder(event.dataTransfer.items)) onFolder();
        else onFiles(Array.from(event.dataTransfer.files));
      },
    },
  };
}
