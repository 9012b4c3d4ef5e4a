import { ProgressBar } from '../../components/ProgressBar';
import { useNow } from '../../hooks/useNow';
import { formatBytes } from '../../lib/format';
import type { ActiveRun } from './useRun';
import './RunProgress.css';

const WORTH_TELLING_MS = 1000;

/** How far a run is, once it takes a while: how much of its input is sent; from then on only the plugin knows. */
export function RunProgress({
  activeRun,
  bytes,
  label,
}: {
  activeRun: ActiveRun;
  bytes: number;
  label: string;
}) {
  const elapsed = useNow(200) - activeRun.since;
  if (elapsed < WORTH_TELLING_MS) return null;
  const { sent } = activeRun;
  const isSending = sent !== null && sent < 1;
  const name = isSending ? 'Sending' : label;
  return (
    <div className="run-progress">
      <ProgressBar label={name} value={isSending ? sent : undefined} />
      <p className="muted">
        <span role="status">{name}…</span>{' '}
        {isSending && `${formatBytes(Math.round(sent * bytes))} of ${formatBytes(bytes)}, `}
        <span className="elapsed">{(elapsed / 1000).toFixed(1)} s</span>
      </p>
    </div>
  );
}
