import { useId } from 'react';
import { Icon } from '../components/Icon';
import type { Permission } from '../lib/types';
import { PermissionDescription } from './PermissionDescription';
import { byRisk } from './permissions';
import { RiskBadge } from './RiskBadge';
import './GrantState.css';
import './permissions.css';

interface ChoicesProps {
  ticked: ReadonlySet<string>;
  disabled?: boolean;
  onToggle: (operation: string) => void;
}

/** Checkboxes for permissions. Those of the highest risk come first, in their own group. */
export function PermissionChoices({
  legend,
  legendHidden,
  permissions,
  ...choices
}: ChoicesProps & {
  legend: string;
  /** Hides the legend where the surroundings already say the same. */
  legendHidden?: boolean;
  permissions: Permission[];
}) {
  const sorted = byRisk(permissions);
  const highest = sorted.filter((permission) => permission.risk === 'highest');
  const others = sorted.filter((permission) => permission.risk !== 'highest');
  return (
    <fieldset className="permission-group">
      <legend className={legendHidden ? 'visually-hidden' : undefined}>{legend}</legend>
      {highest.length > 0 && (
        <div className="permission-highest">
          <p className="permission-highest-note">
            <Icon name="octagon" />
            These allow the plugin to take over or delete accounts. Grant them only to a plugin that you trust
            as much as an administrator.
          </p>
          <Choices permissions={highest} {...choices} />
        </div>
      )}
      {others.length > 0 && <Choices permissions={others} {...choices} />}
    </fieldset>
  );
}

function Choices({ permissions, ticked, disabled, onToggle }: ChoicesProps & { permissions: Permission[] }) {
  const id = useId();
  return (
    <ul>
      {permissions.map((permission) => {
        const own = `${id}-${permission.operation}`;
        return (
          <li key={permission.operation} className="permission permission-choice">
            <input
              type="checkbox"
              id={own}
              checked={ticked.has(permission.operation)}
              disabled={disabled}
              aria-describedby={`${own}-risk ${own}-text`}
              onChange={() => onToggle(permission.operation)}
            />
            <PermissionDescription
              id={`${own}-text`}
              permission={permission}
              title={
                <label htmlFor={own} className="permission-title">
                  {permission.title}
                </label>
              }
            />
            <div className="permission-badges" id={`${own}-risk`}>
              <RiskBadge risk={permission.risk} />
              <span className="granted granted-no">{permission.optional ? 'Optional' : 'Required'}</span>
            </div>
          </li>
        );
      })}
    </ul>
  );
}
