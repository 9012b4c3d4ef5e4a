import { useCallback } from 'react';
import { Link } from 'react-router';
import { EmptyState } from '../components/EmptyState';
import { Icon } from '../components/Icon';
import { LoadFailure } from '../components/LoadFailure';
import { Notice } from '../components/Notice';
import { PageHeader } from '../components/PageHeader';
import { ActivityItem } from '../executions/activity/ActivityItem';
import { timeline } from '../executions/activity/timeline';
import { useActivity } from '../executions/activity/useActivity';
import { usePluginChanges } from '../hooks/useFeed';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { listPlugins } from '../lib/api';
import type { PluginSummary } from '../lib/types';
import { PluginCard } from '../plugins/PluginCard';
import { PluginCardSkeletons } from '../plugins/PluginCardSkeletons';
import { awaitingConsent, firstStep, shortcuts } from './suggestions';
import '../components/EmptyState.css';
import './HomePage.css';

const SHORTCUTS = 6;
const LATEST = 8;

/** Recently used plugins, recent executions, and what needs attention. */
export function HomePage() {
  const { user } = useSession();
  const { executions, loaded } = useActivity();
  const { state, retry, reload } = useLoaded(listPlugins);
  usePluginChanges(useCallback(() => reload(), [reload]));
  const own = executions.filter((execution) => execution.user?.id === user?.id);
  const plugins = state.status === 'loaded' ? state.value : [];
  const shown = shortcuts(plugins, own, SHORTCUTS);

  return (
    <>
      <PageHeader
        title="Home"
        heading={user?.name ? `Hello, ${user.name}` : 'Hello'}
        lead="Your plugins and recent activity on this server."
      />
      {user?.is_staff && <AwaitingConsent plugins={awaitingConsent(plugins)} />}
      {loaded && state.status === 'loaded' && own.length === 0 && <FirstStep plugins={plugins} />}
      <section aria-labelledby="shortcuts-heading" className="section">
        <div className="section-head">
          <h2 id="shortcuts-heading">{own.length > 0 ? 'Recently used' : 'Plugins to try'}</h2>
          <Link to="/plugins">All plugins</Link>
        </div>
        {state.status === 'loading' && <PluginCardSkeletons />}
        {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
        {state.status === 'loaded' && shown.length === 0 && (
          <EmptyState icon="plug" title="No plugins to run yet">
            <p>Plugins appear here once an administrator has installed and enabled them.</p>
          </EmptyState>
        )}
        <ul className="card-grid">
          {shown.map((plugin) => (
            <PluginCard key={plugin.slug} plugin={plugin} heading="h3" />
          ))}
        </ul>
      </section>
      <Latest />
    </>
  );
}

/** Plugins that need an administrator's consent. */
function AwaitingConsent({ plugins }: { plugins: PluginSummary[] }) {
  if (plugins.length === 0) return null;
  const title = plugins.length === 1 ? '1 plugin needs' : `${plugins.length} plugins need`;
  return (
    <div className="home-waiting">
      <Notice tone="warning" title={`${title} your consent`}>
        <ul className="notice-list">
          {plugins.map(({ slug, title: name, pending_version: version }) => (
            <li key={slug}>
              <Link to={`/plugins/${slug}`}>{version ? `${name} ${version}` : name}</Link>
            </li>
          ))}
        </ul>
      </Notice>
    </div>
  );
}

function FirstStep({ plugins }: { plugins: PluginSummary[] }) {
  const step = firstStep(plugins);
  if (!step) return null;
  return (
    <section aria-labelledby="first-heading" className="card first-step">
      <span className="empty-icon">
        <Icon name="play" size={22} />
      </span>
      <div>
        <h2 id="first-heading">Run your first function</h2>
        <p>
          Start with “{step.title}” of {step.plugin.title}. It runs in a sandbox and can do only what it was
          granted.
        </p>
      </div>
      <Link className="button button-primary" to={`/plugins/${step.plugin.slug}/${step.name}`}>
        Try it
      </Link>
    </section>
  );
}

/** The latest executions. Hidden on wide screens, where the activity panel shows them. */
function Latest() {
  const { executions } = useActivity();
  const { user } = useSession();
  if (executions.length === 0) return null;
  return (
    <section aria-labelledby="latest-heading" className="section home-latest">
      <div className="section-head">
        <h2 id="latest-heading">Latest executions</h2>
        <Link to="/executions">All executions</Link>
      </div>
      <ol className="activity-list card">
        {timeline(executions)
          .slice(0, LATEST)
          .map(
            (item) =>
              item.kind === 'execution' && (
                <ActivityItem
                  key={item.key}
                  execution={item.execution}
                  times={item.times}
                  showUser={Boolean(user?.is_staff)}
                />
              ),
          )}
      </ol>
    </section>
  );
}
