import { SegmentedControl } from '../../components/SegmentedControl';
import type { Target } from '../../lib/types';

/** Where to run a function that may run in both places. */
export function TargetChoice({
  targets,
  value,
  onChange,
}: {
  targets: readonly Target[];
  value: Target;
  onChange: (target: Target) => void;
}) {
  if (targets.length < 2) return null;
  return (
    <SegmentedControl
      label="Target"
      options={[
        { value: 'server', label: 'On the server' },
        { value: 'browser', label: 'In this browser' },
      ]}
      value={value}
      onChange={onChange}
    />
  );
}
