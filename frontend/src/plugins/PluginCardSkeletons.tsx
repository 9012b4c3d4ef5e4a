import '../components/Skeleton.css';
import './PluginCard.css';
import './PluginCardSkeletons.css';

/** Placeholders while the catalogue loads. */
export function PluginCardSkeletons() {
  return (
    <div role="status">
      <span className="visually-hidden">Loading…</span>
      <div className="card-grid" aria-hidden="true">
        {Array.from({ length: 6 }, (_, index) => (
          <div key={index} className="card plugin-card skeleton">
            <div className="plugin-card-head">
              <span className="skeleton-icon" />
              <span className="skeleton-line" />
            </div>
            <span className="skeleton-line" />
            <span className="skeleton-line" />
          </div>
        ))}
      </div>
    </div>
  );
}
