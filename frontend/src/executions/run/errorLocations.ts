// Locations in a text that a plugin's errors refer to, and the text around them.
import { readLines } from '../../lib/textFiles';

/** Both count from 1; the column is in characters. */
export interface TextLocation {
  line: number;
  column: number;
}

/** Part of a line: before, at and after the location. */
export interface Excerpt {
  line: number;
  before: string;
  at: string;
  after: string;
}

const LOCATION = /^Line (\d{1,9}), column (\d{1,9}): /;

/** The location at the start of an error message; null if there is none. */
export function locationIn(message: string): TextLocation | null {
  const [, line, column] = LOCATION.exec(message) ?? [];
  return line && column ? { line: Number(line), column: Number(column) } : null;
}

/** The excerpt for each location, in the same order; null if the text has no such line. */
export async function excerptsAt(
  text: Blob,
  locations: readonly TextLocation[],
): Promise<(Excerpt | null)[]> {
  if (locations.length === 0) return [];
  const excerpts = locations.map((): Excerpt | null => null);
  const last = Math.max(...locations.map((location) => location.line));
  let before = 0; // the number of lines before the current ones
  for await (const lines of readLines(text)) {
    locations.forEach((location, index) => {
      const line = lines[location.line - before - 1];
      if (line !== undefined) excerpts[index] = excerpt(line, location);
    });
    before += lines.length;
    if (before >= last) break;
  }
  return excerpts;
}

const SHOWN = 60; // characters on either side

function excerpt(line: string, location: TextLocation): Excerpt {
  const at = after(line, 0, location.column - 1);
  const next = after(line, at, 1);
  const start = Math.max(0, at - SHOWN);
  return {
    line: location.line,
    before: (start > 0 ? '…' : '') + line.slice(start, at),
    at: line.slice(at, next),
    after: line.slice(next, next + SHOWN) + (line.length > next + SHOWN ? '…' : ''),
  };
}

/** The index after the given number of characters, some of which take two UTF-16 units. */
function after(line: string, start: number, characters: number): number {
  let index = start;
  for (let left = characters; left > 0 && index < line.length; left -= 1)
    index += (line.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return index;
}
