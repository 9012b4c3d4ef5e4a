import { useId } from 'react';
import type { NetworkRule } from '../lib/types';
import { NetworkRuleDescription } from './NetworkRuleDescription';
import { keyOf, nameOf } from './permissions';
import './GrantState.css';
import './permissions.css';

/** Checkboxes for network rules. */
export function NetworkChoices({
  legend,
  legendHidden,
  rules,
  ticked,
  disabled,
  onToggle,
}: {
  legend: string;
  /** Hides the legend where the surroundings already say the same. */
  legendHidden?: boolean;
  rules: NetworkRule[];
  ticked: ReadonlySet<string>;
  disabled?: boolean;
  onToggle: (key: string) => void;
}) {
  const id = useId();
  return (
    <fieldset className="permission-group">
      <legend className={legendHidden ? 'visually-hidden' : undefined}>{legend}</legend>
      <ul>
        {rules.map((rule, index) => {
          const own = `${id}-${index}`;
          return (
            <li key={keyOf(rule)} className="permission permission-choice">
              <input
                type="checkbox"
                id={own}
                checked={ticked.has(keyOf(rule))}
                disabled={disabled}
                aria-describedby={`${own}-need ${own}-text`}
                onChange={() => onToggle(keyOf(rule))}
              />
              <NetworkRuleDescription
                id={`${own}-text`}
                rule={rule}
                title={
                  <label htmlFor={own} className="permission-title permission-address">
                    {nameOf(rule)}
                  </label>
                }
              />
              <div className="permission-badges" id={`${own}-need`}>
                <span className="granted granted-no">{rule.optional ? 'Optional' : 'Required'}</span>
              </div>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}
