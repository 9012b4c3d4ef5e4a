import { Icon } from '../../components/Icon';
import { TONE_ICON } from '../../components/Notice';
import { TimeAgo } from '../../components/TimeAgo';
import { LEVEL_TONE } from '../../hooks/useToasts';
import type { NotificationEvent } from '../../lib/types';
import '../StateIcon.css';
import './ActivityItem.css';

export function NotificationItem({ event }: { event: NotificationEvent }) {
  const { title, body, level, plugin } = event.data;
  const tone = LEVEL_TONE[level];
  return (
    <li className="activity-item">
      <span className={`state-icon text-${tone}`}>
        <Icon name={tone === 'accent' ? 'bell' : TONE_ICON[tone]} size={18} />
      </span>
      <div className="activity-text">
        <p className="activity-title">{title}</p>
        {body && <p className="activity-body-text">{body}</p>}
        <p className="activity-meta">
          <span>{plugin}</span>
          <TimeAgo at={event.at} />
        </p>
      </div>
    </li>
  );
}
