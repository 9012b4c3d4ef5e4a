import type { Permission, Risk } from '../types';
import { Badge, type Tone } from './Badge';
import { EmptyState } from './EmptyState';
import { Icon } from './Icon';

const RISKS: Record<Risk, { tone: Tone; label: string }> = {
  low: { tone: 'neutral', label: 'Low risk' },
  medium: { tone: 'accent', label: 'Medium risk' },
  high: { tone: 'warning', label: 'High risk' },
  highest: { tone: 'danger', label: 'Highest risk' },
};

export function PermissionList({ permissions }: { permissions: Permission[] }) {
  if (permissions.length === 0) {
    return (
      <EmptyState icon="shield" title="It asks for nothing">
        <p>This plugin works on what you give it and cannot reach any data on the server.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="permission-list">
      {permissions.map((permission) => (
        <li key={permission.operation} className="permission">
          <div className="permission-text">
            <p className="permission-title">{permission.title}</p>
            <p>{permission.meaning}</p>
            {permission.reason && (
              <p className="muted">
                Why: <q>{permission.reason}</q>
              </p>
            )}
            <p className="mono muted">{permission.operation}</p>
          </div>
          <div className="permission-badges">
            <Badge tone={RISKS[permission.risk].tone}>{RISKS[permission.risk].label}</Badge>
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
