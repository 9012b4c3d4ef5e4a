import { byRisk, keyOf, nameOf } from '../permissions';
import type { NetworkRule, Permission } from '../types';
import { EmptyState } from './EmptyState';
import { GrantState } from './GrantState';
import { NetworkText } from './NetworkText';
import { PermissionText } from './PermissionText';
import { RiskBadge } from './RiskBadge';

export function PermissionList({
  permissions,
  network,
}: {
  permissions: Permission[];
  network: NetworkRule[];
}) {
  if (permissions.length + network.length === 0) return <NoPermissions />;
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
            <GrantState {...permission} />
          </div>
        </li>
      ))}
      {network.map((rule) => (
        <li key={keyOf(rule)} className="permission">
          <NetworkText
            rule={rule}
            title={<p className="permission-title permission-address">{nameOf(rule)}</p>}
          />
          <div className="permission-badges">
            <GrantState {...rule} />
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
