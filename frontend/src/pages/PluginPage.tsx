import { useCallback, useEffect } from 'react';
import { Link, useParams } from 'react-router';
import { usePluginChanges } from '../activity';
import { getPlugin } from '../api';
import { Badge } from '../components/Badge';
import { FunctionPicker } from '../components/FunctionPicker';
import { FunctionRunner } from '../components/FunctionRunner';
import { EmptyState } from '../components/EmptyState';
import { Icon } from '../components/Icon';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeading } from '../components/PageHeading';
import { PermissionList } from '../components/PermissionList';
import { PluginFacts } from '../components/PluginFacts';
import { PluginMark } from '../components/PluginMark';
import { Skeleton } from '../components/Skeleton';
import { loadSchemaForm } from '../loadSchemaForm';
import { useSession } from '../session';
import type { FunctionDetail, PluginDetail, User } from '../types';
import { useLoaded } from '../useLoaded';
import { NotFoundPage } from './NotFoundPage';

export function PluginPage() {
  const { slug = '', function: functionName } = useParams();
  const { state, retry, reload } = useLoaded(useCallback((signal) => getPlugin(slug, signal), [slug]));
  usePluginChanges(
    useCallback(
      (changed) => {
        if (changed === slug) reload();
      },
      [slug, reload],
    ),
  );

  useEffect(() => {
    // Comes together with the plugin's own data; the form tells when it cannot be had.
    loadSchemaForm().catch(() => null);
  }, []);

  if (state.status === 'failed' && state.problem.status === 404) {
    return <NotFoundPage what={`There is no plugin called “${slug}”`} />;
  }
  return (
    <>
      <nav aria-label="Breadcrumb" className="breadcrumb">
        <Link to="/plugins">
          <Icon name="arrowLeft" size={14} />
          All plugins
        </Link>
      </nav>
      {state.status === 'loading' && <Skeleton lines={7} />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && <PluginView plugin={state.value} functionName={functionName} />}
    </>
  );
}

function PluginView({ plugin, functionName }: { plugin: PluginDetail; functionName: string | undefined }) {
  const { user } = useSession();
  const blockedBecause = (candidate: FunctionDetail) => whyBlocked(plugin, candidate, user);
  const chosen = functionName
    ? plugin.functions.find((candidate) => candidate.name === functionName)
    : (plugin.functions.find((candidate) => !blockedBecause(candidate)) ?? plugin.functions[0]);
  const granted = plugin.permissions.filter((permission) => permission.granted).length;

  return (
    <>
      <div className="plugin-head">
        <PluginMark slug={plugin.slug} title={plugin.title} large />
        <div>
          <div className="plugin-title">
            <PageHeading title={chosen && functionName ? `${chosen.title} · ${plugin.title}` : plugin.title}>
              {plugin.title}
            </PageHeading>
            <Badge>v{plugin.version}</Badge>
            {!plugin.enabled && <Badge icon="ban">Disabled</Badge>}
          </div>
          <p className="lead">{plugin.description}</p>
        </div>
      </div>
      <section aria-labelledby="functions-heading" className="section">
        <h2 id="functions-heading">Functions</h2>
        {plugin.functions.length === 0 ? (
          <EmptyState icon="plug" title="This plugin has no functions" />
        ) : (
          <FunctionPicker
            slug={plugin.slug}
            functions={plugin.functions}
            current={chosen?.name ?? ''}
            blockedBecause={blockedBecause}
          />
        )}
        {chosen && user ? (
          <FunctionRunner
            key={`${plugin.slug}/${chosen.name}`}
            slug={plugin.slug}
            definition={chosen}
            userId={user.id}
            blocked={blockedBecause(chosen)}
          />
        ) : (
          functionName && (
            <EmptyState icon="search" title={`There is no function called “${functionName}”`}>
              <p>Choose one of those above.</p>
            </EmptyState>
          )
        )}
      </section>
      <section aria-labelledby="permissions-heading" className="section">
        <div className="section-head">
          <h2 id="permissions-heading">What it may do</h2>
          {plugin.permissions.length > 0 && (
            <span className="muted">
              {granted} of {plugin.permissions.length} granted
            </span>
          )}
        </div>
        <div className="card">
          <PermissionList permissions={plugin.permissions} />
        </div>
      </section>
      <section aria-labelledby="facts-heading" className="section">
        <h2 id="facts-heading">Details</h2>
        <div className="card">
          <PluginFacts plugin={plugin} />
        </div>
      </section>
    </>
  );
}

function whyBlocked(plugin: PluginDetail, candidate: FunctionDetail, user: User | null): string | null {
  if (!plugin.enabled)
    return 'This plugin is turned off. Nothing of it can be run until an administrator turns it on again.';
  if (candidate.access === 'staff' && !user?.is_staff) return 'Only administrators may run this function.';
  if (candidate.access === 'user' && !user) return 'Log in to run this function.';
  if (!candidate.targets.includes('server'))
    return 'This function runs only in a browser, not on this server.';
  return null;
}
