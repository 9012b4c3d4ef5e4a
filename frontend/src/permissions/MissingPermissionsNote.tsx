import { nameOf, type Requested } from './permissions';
import './MissingPermissionsNote.css';

/** Lists required permissions that are not selected. */
export function MissingPermissionsNote({ missing }: { missing: Requested[] }) {
  return (
    <p role="status" className="missing-note">
      {missing.length > 0 &&
        `Required but not selected: ${missing.map(nameOf).join(', ')}. Functions that depend on this will fail.`}
    </p>
  );
}
