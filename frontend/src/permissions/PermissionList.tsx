import { EmptyState } from '../components/EmptyState';
import type { NetworkRule, Permission } from '../lib/types';
import { GrantState } from './GrantState';
import { NetworkRuleDescription } from './NetworkRuleDescription';
import { PermissionDescription } from './PermissionDescription';
import { byRisk, keyOf, nameOf } from './permissions';
import { RiskBadge } from './RiskBadge';
import './permissions.css';

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
          <PermissionDescription
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
          <NetworkRuleDescription
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
    <EmptyState icon="shield" title="No permissions requested">
      <p>This plugin only processes its input. It cannot access any data on the server.</p>
    </EmptyState>
  );
}
