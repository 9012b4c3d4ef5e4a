import type { ReactNode } from 'react';
import type { NetworkRule } from '../lib/types';
import './PermissionDescription.css';

/** What an address that a plugin asks for means, and why it is asked for. `title` may be a label. */
export function NetworkRuleDescription({
  rule,
  title,
  id,
}: {
  rule: NetworkRule;
  title: ReactNode;
  id?: string;
}) {
  return (
    <div className="permission-text">
      {title}
      <div id={id}>
        <p>
          And to every address below it. What it knows can leave this server that way.
          {rule.url.startsWith('http:') && ' Not encrypted: others on the way can read and change it.'}
        </p>
        <p className="muted">
          Why: <q>{rule.reason}</q>
        </p>
      </div>
    </div>
  );
}
