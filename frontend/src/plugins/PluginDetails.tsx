import { DescriptionItem, DescriptionList } from '../components/DescriptionList';
import { formatBytes, formatLimit } from '../lib/format';
import { dayOf } from '../lib/time';
import type { PluginDetail } from '../lib/types';
import './PluginDetails.css';

export function PluginDetails({ plugin }: { plugin: PluginDetail }) {
  const { limits } = plugin;
  return (
    <DescriptionList>
      <DescriptionItem term="Licence">{plugin.license || 'Not specified'}</DescriptionItem>
      <DescriptionItem term="Size">{formatBytes(plugin.size_bytes)}</DescriptionItem>
      <DescriptionItem term="Installed">{dayOf(plugin.installed_at)}</DescriptionItem>
      <DescriptionItem term="Time limit">{formatLimit(limits.timeout_ms)}</DescriptionItem>
      <DescriptionItem term="Memory limit">{limits.memory_mb} MB</DescriptionItem>
      <DescriptionItem term="Output limit">{formatBytes(limits.max_output_kb * 1000)}</DescriptionItem>
      <DescriptionItem term="SHA-256" wide>
        <code className="sha">{plugin.sha256}</code>
      </DescriptionItem>
    </DescriptionList>
  );
}
