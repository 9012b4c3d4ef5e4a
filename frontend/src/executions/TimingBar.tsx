import { formatDuration } from '../lib/format';
import { type Timing } from '../lib/serverTiming';
import './TimingBar.css';

const PARTS: { part: keyof Timing; label: string }[] = [
  { part: 'queue', label: 'Queue' },
  { part: 'start', label: 'Start' },
  { part: 'run', label: 'Run' },
  { part: 'host', label: 'Host' },
];

/** How long each part of a run took, as a bar and as figures. */
export function TimingBar({ timing }: { timing: Timing }) {
  const total = PARTS.reduce((sum, { part }) => sum + timing[part], 0) || 1;
  const starts = PARTS.map((_, index) =>
    PARTS.slice(0, index).reduce((sum, { part }) => sum + timing[part], 0),
  );
  return (
    <div className="timing">
      <svg className="timing-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {PARTS.map(({ part }, index) => (
          <rect
            key={part}
            className={`timing-${part}`}
            x={((starts[index] ?? 0) / total) * 100}
            width={(timing[part] / total) * 100}
            height="4"
          />
        ))}
      </svg>
      <dl className="timing-figures">
        {PARTS.map(({ part, label }) => (
          <div key={part}>
            <dt>
              <span className={`timing-key timing-${part}`} aria-hidden="true" />
              {label}
            </dt>
            <dd>{formatDuration(timing[part])}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
