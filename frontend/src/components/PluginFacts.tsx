import { dayOf } from '../time';
import { formatBytes, formatLimit } from '../timing';
import type { PluginDetail } from '../types';
import { Fact } from './Fact';

export function PluginFacts({ plugin }: { plugin: PluginDetail }) {
  const { limits } = plugin;
  return (
    <dl className="facts">
      <Fact term="Licence">{plugin.license || 'Not stated'}</Fact>
      <Fact term="Size">{formatBytes(plugin.size_bytes)}</Fact>
      <Fact term="Installed">{dayOf(plugin.installed_at)}</Fact>
      <Fact term="Time limit">{formatLimit(limits.timeout_ms)}</Fact>
      <Fact term="Memory limit">{limits.memory_mb} MB</Fact>
      <Fact term="Output limit">{formatBytes(limits.max_output_kb * 1000)}</Fact>
      <Fact term="SHA-256" wide>
        <code className="sha">{plugin.sha256}</code>
      </Fact>
    </dl>
  );
}
