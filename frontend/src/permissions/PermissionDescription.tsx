import type { ReactNode } from 'react';
import type { PermissionInfo } from '../lib/types';
import './PermissionDescription.css';

/** What a permission allows, and why the plugin asks for it. `title` may be a label. */
export function PermissionDescription({
  permission,
  title,
  id,
}: {
  permission: PermissionInfo & { reason?: string };
  title: ReactNode;
  id?: string;
}) {
  return (
    <div className="permission-text">
      {title}
      <div id={id}>
        <p>{permission.meaning}</p>
        {permission.reason && (
          <p className="muted">
            Reason: <q>{permission.reason}</q>
          </p>
        )}
      </div>
      <p className="mono muted">{permission.operation}</p>
    </div>
  );
}
