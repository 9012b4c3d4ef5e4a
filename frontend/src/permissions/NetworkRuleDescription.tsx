import type { ReactNode } from 'react';
import type { NetworkRule } from '../lib/types';
import './PermissionDescription.css';

/** What a network rule allows, and why the plugin asks for it. `title` may be a label. */
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
          Includes every address below it. The plugin can send any data that it has there.
          {rule.url.startsWith('http:') &&
            ' Not encrypted: others on the network can read and change the data.'}
        </p>
        <p className="muted">
          Reason: <q>{rule.reason}</q>
        </p>
      </div>
    </div>
  );
}
