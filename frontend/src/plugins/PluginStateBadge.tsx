import { Badge } from '../components/Badge';
import { useSession } from '../hooks/useSession';
import type { PluginSummary } from '../lib/types';

/** Shown if the plugin, or its newest release, cannot run. */
export function PluginStateBadge({ plugin }: { plugin: Pick<PluginSummary, 'state' | 'pending_version'> }) {
  const { user } = useSession();
  const release = plugin.pending_version;
  if (plugin.state === 'waiting' || (user?.is_staff && release)) {
    return (
      <Badge tone="warning" icon="clock" title={release ? `Version ${release}` : undefined}>
        {user?.is_staff ? 'Awaiting consent' : 'Awaiting an administrator'}
      </Badge>
    );
  }
  return plugin.state === 'disabled' ? <Badge icon="ban">Disabled</Badge> : null;
}
