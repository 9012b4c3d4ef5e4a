import { nameOf, type Asked } from '../permissions';

/** What a plugin needs and is not ticked. */
export function MissingNote({ missing }: { missing: Asked[] }) {
  return (
    <p role="status" className="missing-note">
      {missing.length > 0 &&
        `Left out although the plugin needs it: ${missing.map(nameOf).join(', ')}. What depends on it will be refused.`}
    </p>
  );
}
