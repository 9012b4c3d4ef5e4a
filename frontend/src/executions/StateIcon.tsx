import { Icon, type IconName } from '../components/Icon';
import { Spinner } from '../components/Spinner';
import type { ExecutionState } from '../lib/types';
import './StateIcon.css';

const ICONS: Record<Exclude<ExecutionState, 'running'>, IconName> = {
  queued: 'clock',
  succeeded: 'checkCircle',
  failed: 'xCircle',
  timed_out: 'clock',
  cancelled: 'ban',
  crashed: 'zap',
};

export function StateIcon({ state }: { state: ExecutionState }) {
  return (
    <span className={`state-icon state-${state}`}>
      {state === 'running' ? <Spinner /> : <Icon name={ICONS[state]} size={18} />}
    </span>
  );
}
