import { nameOf, type Requested } from './permissions';
import './MissingPermissionsNote.css';

/** What a plugin needs and is not ticked. */
export function MissingPermissionsNote({ missing }: { missing: Requested[] }) {
  return (
    <p role="status" className="missing-note">
      {missing.length > 0 &&
        `Left out although the plugin needs it: ${missing.map(nameOf).join(', ')}. What depends on it will be refused.`}
    </p>
  );
}
