import { useTimeText } from '../hooks/useNow';
import { fullTime, relativeTime } from '../lib/time';

/** "12 sec. ago", updated as time passes; the full time on hover. */
export function TimeAgo({ at }: { at: string }) {
  const text = useTimeText((now) => relativeTime(at, now));
  return (
    <time dateTime={at} title={fullTime(at)}>
      {text}
    </time>
  );
}
