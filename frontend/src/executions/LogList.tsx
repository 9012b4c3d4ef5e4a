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

/** What the plugin wrote into its log while it ran. */
export function LogList({ lines, active }: { lines: LogLine[]; active: boolean }) {
  if (lines.length === 0) {
    return (
      <EmptyState icon="list" title={active ? 'No log lines yet' : 'It logged nothing'}>
        {active && <p>They are listed here when the execution has ended.</p>}
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
