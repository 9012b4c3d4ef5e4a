import { Icon } from '../components/Icon';
import './GrantState.css';

/** Whether a permission that a plugin asks for was granted. */
export function GrantState({ granted, optional }: { granted: boolean; optional: boolean }) {
  return (
    <span className={granted ? 'granted' : 'granted granted-no'}>
      <Icon name={granted ? 'check' : 'dash'} />
      {granted ? 'Granted' : optional ? 'Not granted (optional)' : 'Not granted'}
    </span>
  );
}
