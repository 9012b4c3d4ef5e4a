// Reads text files of any size in chunks: UTF-8, or UTF-16 with a byte-order mark.

/** The first `bytes` of a file as text. */
export async function readBeginning(file: Blob, bytes: number): Promise<string> {
  const decoder = new TextDecoder(await encodingOf(file));
  // As a stream, because the part may end within a character.
  return decoder.decode(await file.slice(0, bytes).arrayBuffer(), { stream: true });
}

/** The lines in order, in batches. A line ends with "\n", "\r\n" or "\r". */
export async function* readLines(file: Blob): AsyncGenerator<string[]> {
  let rest = '';
  let held = ''; // a "\r" that may turn out to be part of a "\r\n"
  const reader = file
    .stream()
    .pipeThrough(new TextDecoderStream(await encodingOf(file)))
    .getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const chunk = held + read.value;
      held = chunk.endsWith('\r') ? '\r' : '';
      const lines = chunk.slice(0, chunk.length - held.length).split(/\r\n|\r|\n/);
      lines[0] = rest + (lines[0] ?? '');
      rest = lines.pop() ?? '';
      yield lines;
    }
    yield held ? [rest, ''] : [rest];
  } finally {
    await reader.cancel(); // the caller may not need the rest
  }
}

async function encodingOf(file: Blob): Promise<string> {
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return 'utf-8';
}
