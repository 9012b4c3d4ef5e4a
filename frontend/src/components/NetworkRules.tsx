import type { NetworkRule } from '../types';

/** The addresses outside that a release asks for, in words for the person who decides. */
export function NetworkRules({ rules }: { rules: NetworkRule[] }) {
  return (
    <div className="permission-group">
      <h3>Addresses it asks for</h3>
      <p className="muted">
        Addresses cannot be granted yet: whatever you decide here, requests to them are refused.
      </p>
      <ul>
        {rules.map((rule) => (
          <li key={`${rule.url} ${rule.methods.join(' ')}`} className="permission">
            <code>
              {rule.methods.join(', ')} {rule.url}
            </code>
            <p>Why: {rule.reason}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
