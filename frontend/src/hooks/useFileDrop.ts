// Takes files that are dropped on an element. The browser would open them in place of the page.
import { useEffect, useState, type DragEvent } from 'react';
import { hasFolder } from '../lib/files';

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
  useRefusedBeside();
  return {
    over,
    handlers: {
      onDragOver: (event) => {
        if (!holdsFiles(event.dataTransfer)) return; // text goes where it is dropped
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDrop: (event) => {
        if (!holdsFiles(event.dataTransfer)) return;
        event.preventDefault();
        setOver(false);
        if (hasFolder(event.dataTransfer.items)) onFolder();
        else onFiles(Array.from(event.dataTransfer.files));
      },
    },
  };
}

/** A file that misses the element does nothing, rather than take the place of the page. */
function useRefusedBeside(): void {
  useEffect(() => {
    const refuse = (event: globalThis.DragEvent) => {
      const { dataTransfer, defaultPrevented } = event;
      if (defaultPrevented || !dataTransfer || !holdsFiles(dataTransfer)) return;
      event.preventDefault();
      dataTransfer.dropEffect = 'none';
    };
    window.addEventListener('dragover', refuse);
    window.addEventListener('drop', refuse);
    return () => {
      window.removeEventListener('dragover', refuse);
      window.removeEventListener('drop', refuse);
    };
  }, []);
}

function holdsFiles(transfer: DataTransfer): boolean {
  return transfer.types.includes('Files');
}
