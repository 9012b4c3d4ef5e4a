import { useMemo } from 'react';
import './JsonText.css';

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Each coloured token is an element. Longer text is left plain, to keep the page fast. */
const LONGEST_COLOURED = 60_000;

export function JsonText({ text }: { text: string }) {
  const parts = useMemo(() => (text.length <= LONGEST_COLOURED ? colour(text) : text), [text]);
  return <>{parts}</>;
}

function colour(text: string): React.ReactNode[] {
  const parts: React.ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(end, match.index));
    const [whole, string, colon] = match;
    const kind = string ? (colon ? 'key' : 'string') : /^[tfn]/.test(whole) ? 'word' : 'number';
    parts.push(
      <span key={match.index} className={`json-${kind}`}>
        {string ?? whole}
      </span>,
      colon ?? '',
    );
    end = match.index + whole.length;
  }
  parts.push(text.slice(end));
  return parts;
}
