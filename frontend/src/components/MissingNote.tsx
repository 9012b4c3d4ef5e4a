import type { Permission } from '../types';

/** What a plugin needs and is not ticked. */
export function MissingNote({ missing }: { missing: Permission[] }) {
  return (
    <p role="status" className="missing-note">
      {missing.length > 0 &&
        `Left out although the plugin needs it: ${missing.map((permission) => permission.title).join(', ')}. What depends on it will be refused.`}
    </p>
  );
}
