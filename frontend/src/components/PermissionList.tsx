import { byRisk } from '../permissions';
import type { Permission } from '../types';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';
import { PermissionText } from './PermissionText';
import { RiskBadge } from './RiskBadge';

export function PermissionList({ permissions }: { permissions: Permission[] }) {
  if (permissions.length === 0) return <NoPermissions />;
  return (
    <ul className="permission-list">
      {byRisk(permissions).map((permission) => (
        <li key={permission.operation} className="permission">
          <PermissionText
            permission={permission}
            title={<p className="permission-title">{permission.title}</p>}
          />
          <div className="permission-badges">
            <RiskBadge risk={permission.risk} />
            <span className={permission.granted ? 'granted' : 'granted granted-no'}>
              <Icon name={permission.granted ? 'check' : 'dash'} />
              {permission.granted
                ? 'Granted'
                : permission.optional
                  ? 'Not granted (optional)'
                  : 'Not granted'}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}

export function NoPermissions() {
  return (
    <EmptyState icon="shield" title="It asks for nothing">
      <p>This plugin works on what you give it and cannot reach any data on the server.</p>
    </EmptyState>
  );
}
