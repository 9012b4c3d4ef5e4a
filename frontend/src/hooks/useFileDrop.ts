// Accepts files dropped on an element. Without this, the browser opens them instead of the page.
import { useEffect, useState, type DragEvent } from 'react';
import { hasFolder } from '../lib/files';

export interface FileDrop {
  /** Whether a file is being dragged over the element. */
  over: boolean;
  handlers: {
    onDragOver: (event: DragEvent) => void;
    onDragLeave: () => void;
    onDrop: (event: DragEvent) => void;
  };
}

/** Spread `handlers` into the element's props. */
export function useFileDrop(onFiles: (files: File[]) => void, onFolder: () => void): FileDrop {
  const [over, setOver] = useState(false);
  useIgnoreDropsOutside();
  return {
    over,
    handlers: {
      onDragOver: (event) => {
        if (!holdsFiles(event.dataTransfer)) return; // let fields accept dropped text
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

/** Ignores files dropped beside the element, which the browser would open instead of the page. */
function useIgnoreDropsOutside(): void {
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
