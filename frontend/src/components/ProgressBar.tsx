import './ProgressBar.css';

/** `value` goes from 0 to 1; without one, the bar only shows that work is in progress. */
export function ProgressBar({
  value,
  label,
  labelledBy,
}: {
  value?: number;
  label?: string;
  labelledBy?: string;
}) {
  return (
    <progress className="progress" aria-label={label} aria-labelledby={labelledBy} value={value} max={1} />
  );
}
