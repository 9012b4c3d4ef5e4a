import { ProgressBar } from '../../components/ProgressBar';
import { useNow } from '../../hooks/useNow';
import { formatBytes } from '../../lib/format';
import type { ActiveRun } from './useRun';
import './RunProgress.css';

const SHOWN_AFTER_MS = 1000;

/** The progress of a run that takes longer: the upload of its input, then only the time so far. */
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
  if (elapsed < SHOWN_AFTER_MS) return null;
  const { sent } = activeRun;
  const isUploading = sent !== null && sent < 1;
  const name = isUploading ? 'Uploading' : label;
  return (
    <div className="run-progress">
      <ProgressBar label={name} value={isUploading ? sent : undefined} />
      <p className="muted">
        <span role="status">{name}…</span>{' '}
        {isUploading && `${formatBytes(Math.round(sent * bytes))} of ${formatBytes(bytes)}, `}
        <span className="elapsed">{(elapsed / 1000).toFixed(1)} s</span>
      </p>
    </div>
  );
}
