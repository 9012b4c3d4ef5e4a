import { Badge } from '../components/Badge';
import { EmptyState } from '../components/EmptyState';
import { type Tone } from '../lib/tone';
import type { LogLine } from '../lib/types';
import './LogList.css';

const TONES: Record<LogLine['level'], Tone> = {
  trace: 'neutral',
  debug: 'neutral',
  info: 'accent',
  warn: 'warning',
  error: 'danger',
};

/** The lines that the plugin logged during the execution. */
export function LogList({ lines, active }: { lines: LogLine[]; active: boolean }) {
  if (lines.length === 0) {
    return (
      <EmptyState icon="list" title={active ? 'No log lines yet' : 'No log lines'}>
        {active && <p>They appear here when the execution has finished.</p>}
      </EmptyState>
    );
  }
  return (
    <ol className="log" tabIndex={0} aria-labelledby="logs-heading">
      {lines.map(({ level, text }, index) => (
        <li key={index} className="log-line">
          <Badge tone={TONES[level]}>{level}</Badge>
          <span className="mono log-text">{text}</span>
        </li>
      ))}
    </ol>
  );
}
