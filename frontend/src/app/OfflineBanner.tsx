import { Icon } from '../components/Icon';
import { useConnection } from '../hooks/useFeed';
import { useNetwork } from '../hooks/useNetwork';
import './OfflineBanner.css';

/** Says that what is shown may be old. A live feed is proof of the contrary, unless the network itself is gone. */
export function OfflineBanner() {
  const connection = useConnection();
  const network = useNetwork();
  const offline =
    network === 'down' || connection === 'offline' || (network === 'silent' && connection !== 'live');
  return (
    <div role="status" className="offline">
      {offline && (
        <p className="offline-banner">
          <Icon name="alert" />
          <span>
            <strong>You are offline.</strong> What you see may be out of date; it catches up by itself, and
            what you typed stays.
          </span>
        </p>
      )}
    </div>
  );
}
