import { Link } from 'react-router';
import type { PluginSummary } from '../lib/types';
import { dedicatedPage } from './dedicatedPages';
import { PluginIcon } from './PluginIcon';
import { PluginStateBadge } from './PluginStateBadge';
import './PluginCard.css';

export function PluginCard({ plugin, heading: Heading }: { plugin: PluginSummary; heading: 'h2' | 'h3' }) {
  const count = plugin.functions.length;
  const own = dedicatedPage(plugin);
  return (
    <li className="card plugin-card">
      <div className="plugin-card-head">
        <PluginIcon slug={plugin.slug} title={plugin.title} />
        <div>
          <Heading>
            <Link to={`/plugins/${plugin.slug}`} className="card-link">
              {plugin.title}
            </Link>
          </Heading>
          <p className="mono muted">{plugin.slug}</p>
        </div>
        <PluginStateBadge plugin={plugin} />
      </div>
      <p className="plugin-card-text">{plugin.description}</p>
      <p className="plugin-card-foot">
        <span className="mono">v{plugin.version}</span>
        {own ? (
          <Link to={own.path} className="plugin-card-page">
            {own.label}
          </Link>
        ) : (
          <span>{count === 1 ? '1 function' : `${count} functions`}</span>
        )}
      </p>
    </li>
  );
}
