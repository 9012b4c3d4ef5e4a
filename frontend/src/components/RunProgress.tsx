import { useNow } from '../time';

const WORTH_TELLING_MS = 1000;

/** That a run goes on, and for how long, once it takes a while. How far it is, nobody knows but the plugin. */
export function RunProgress({ since, label }: { since: number; label: string }) {
  const elapsed = useNow(200) - since;
  if (elapsed < WORTH_TELLING_MS) return null;
  return (
    <div className="run-progress">
      <progress className="progress" aria-label={label} />
      <p className="muted">
        <span role="status">{label}…</span> <span className="elapsed">{(elapsed / 1000).toFixed(1)} s</span>
      </p>
    </div>
  );
}
