import { Icon } from '../components/Icon';
import { useConnection } from '../hooks/useFeed';
import { useNetwork } from '../hooks/useNetwork';
import './OfflineBanner.css';

/** Warns that the page may be out of date. A live feed disproves that, unless the network itself is down. */
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
            <strong>You are offline.</strong> This page may be out of date. It updates when the connection is
            back, and keeps what you typed.
          </span>
        </p>
      )}
    </div>
  );
}
