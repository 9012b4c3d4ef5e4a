// The places in a text that a plugin's errors name, and what stands there.
import { linesOf } from './texts';

/** Both counted from 1, the column in characters. */
export interface Place {
  line: number;
  column: number;
}

/** Part of a line: what stands before the place, at it, and after it. */
export interface Excerpt {
  line: number;
  before: string;
  at: string;
  after: string;
}

const PLACE = /^Line (\d{1,9}), column (\d{1,9}): /;

/** The place that an error begins with; null if it names none. */
export function placeIn(message: string): Place | null {
  const [, line, column] = PLACE.exec(message) ?? [];
  return line && column ? { line: Number(line), column: Number(column) } : null;
}

/** What stands at each of the places, in their order; null where the text has no such line. */
export async function excerptsAt(text: Blob, places: readonly Place[]): Promise<(Excerpt | null)[]> {
  if (places.length === 0) return [];
  const excerpts = places.map((): Excerpt | null => null);
  const last = Math.max(...places.map((place) => place.line));
  let before = 0; // how many lines came before the present ones
  for await (const lines of linesOf(text)) {
    places.forEach((place, index) => {
      const line = lines[place.line - before - 1];
      if (line !== undefined) excerpts[index] = excerpt(line, place);
    });
    before += lines.length;
    if (before >= last) break;
  }
  return excerpts;
}

const SHOWN = 60; // characters on either side

function excerpt(line: string, place: Place): Excerpt {
  const at = after(line, 0, place.column - 1);
  const next = after(line, at, 1);
  const start = Math.max(0, at - SHOWN);
  return {
    line: place.line,
    before: (start > 0 ? '…' : '') + line.slice(start, at),
    at: line.slice(at, next),
    after: line.slice(next, next + SHOWN) + (line.length > next + SHOWN ? '…' : ''),
  };
}

/** The index after so many more characters; some of them take two units. */
function after(line: string, start: number, characters: number): number {
  let index = start;
  for (let left = characters; left > 0 && index < line.length; left -= 1)
    index += (line.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return index;
}
