import { Badge } from '../components/Badge';
import type { IconName } from '../components/Icon';
import { type Tone } from '../lib/tone';
import type { Risk } from '../lib/types';

const RISKS: Record<Risk, { tone: Tone; icon: IconName; label: string }> = {
  low: { tone: 'neutral', icon: 'shield', label: 'Low risk' },
  medium: { tone: 'accent', icon: 'info', label: 'Medium risk' },
  high: { tone: 'warning', icon: 'alert', label: 'High risk' },
  highest: { tone: 'danger', icon: 'octagon', label: 'Highest risk' },
};

export function RiskBadge({ risk }: { risk: Risk }) {
  const { tone, icon, label } = RISKS[risk];
  return (
    <Badge tone={tone} icon={icon}>
      {label}
    </Badge>
  );
}
