import { Icon } from '../components/Icon';
import './GrantState.css';

/** Whether a plugin holds something that it asks for. */
export function GrantState({ granted, optional }: { granted: boolean; optional: boolean }) {
  return (
    <span className={granted ? 'granted' : 'granted granted-no'}>
      <Icon name={granted ? 'check' : 'dash'} />
      {granted ? 'Granted' : optional ? 'Not granted (optional)' : 'Not granted'}
    </span>
  );
}
