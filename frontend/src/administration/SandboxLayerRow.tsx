import { Badge } from '../components/Badge';
import type { IconName } from '../components/Icon';
import { type Tone } from '../lib/tone';
import type { SandboxLayer } from '../lib/types';

const STATES: Record<SandboxLayer['state'], { tone: Tone; icon: IconName; label: string }> = {
  on: { tone: 'success', icon: 'check', label: 'Active' },
  partial: { tone: 'accent', icon: 'info', label: 'Partly active' },
  off: { tone: 'warning', icon: 'alert', label: 'Missing' },
};

/** One layer of the workers' confinement: what it keeps out, and what its absence means. */
export function SandboxLayerRow({ layer }: { layer: SandboxLayer }) {
  const { tone, icon, label } = STATES[layer.state];
  return (
    <li className="row">
      <div className="row-text">
        <p className="row-title">
          <code>{layer.name}</code>
        </p>
        <p>Keeps out {layer.keeps_out}.</p>
        {layer.state === 'partial' && <p className="text-accent">On this system: {layer.detail}.</p>}
        {layer.state === 'off' && (
          <p className="text-warning">
            Without it: {layer.if_missing}. Reason: {layer.detail}.
          </p>
        )}
      </div>
      <Badge tone={tone} icon={icon}>
        {label}
      </Badge>
    </li>
  );
}
