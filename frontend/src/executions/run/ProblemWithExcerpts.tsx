import { useEffect, useMemo, useState } from 'react';
import { Notice } from '../../components/Notice';
import { ProblemNotice } from '../../components/ProblemNotice';
import type { ApiProblem } from '../../lib/problem';
import { excerptsAt, locationIn, type Excerpt, type TextLocation } from './errorLocations';
import './ProblemWithExcerpts.css';

/** A problem with an excerpt of `source` at each location that it refers to. */
export function ProblemWithExcerpts({ problem, source }: { problem: ApiProblem; source: Blob }) {
  const messages = useMemo(() => messagesOf(problem), [problem]);
  const excerpts = useExcerpts(source, messages);
  if (!messages.some(locationIn)) return <ProblemNotice problem={problem} />;
  return (
    <Notice tone="danger" title={problem.title} live="alert">
      <ul className="locations">
        {messages.map((message) => (
          <li key={message}>
            <p>{message}</p>
            <ExcerptLine excerpt={excerpts.get(message)} />
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function ExcerptLine({ excerpt }: { excerpt: Excerpt | undefined }) {
  if (!excerpt) return null;
  return (
    <div className="excerpt" role="group" tabIndex={0} aria-label={`Line ${excerpt.line}`}>
      <span className="excerpt-line" aria-hidden="true">
        {excerpt.line}
      </span>
      <code>
        {excerpt.before}
        {/* At the end of a line there is no character to mark. */}
        <mark>{excerpt.at || '\u00a0'}</mark>
        {excerpt.after}
      </code>
    </div>
  );
}

const NONE: ReadonlyMap<string, Excerpt> = new Map();

/** Excerpts by message. Empty while the text is being read, and if it can no longer be read. */
function useExcerpts(source: Blob, messages: string[]): ReadonlyMap<string, Excerpt> {
  const [found, setFound] = useState<{ messages: string[]; excerpts: ReadonlyMap<string, Excerpt> }>();
  useEffect(() => {
    let current = true;
    readExcerpts(source, messages).then(
      (excerpts) => {
        if (current) setFound({ messages, excerpts });
      },
      () => undefined, // the messages are enough
    );
    return () => {
      current = false;
    };
  }, [source, messages]);
  return found?.messages === messages ? found.excerpts : NONE;
}

async function readExcerpts(source: Blob, messages: string[]): Promise<Map<string, Excerpt>> {
  const placed = messages.flatMap((message): [string, TextLocation][] => {
    const location = locationIn(message);
    return location ? [[message, location]] : [];
  });
  const excerpts = await excerptsAt(
    source,
    placed.map(([, location]) => location),
  );
  return new Map(
    placed.flatMap(([message], index) => (excerpts[index] ? [[message, excerpts[index]] as const] : [])),
  );
}

/** The messages of the problem, without duplicates: a plugin repeats the first error as the detail. */
function messagesOf(problem: ApiProblem): string[] {
  const messages = [problem.detail, ...problem.errors.map((error) => error.detail)];
  return [...new Set(messages.filter(Boolean))];
}
