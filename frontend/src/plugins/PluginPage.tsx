import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { Link, useParams } from 'react-router';
import { ConsentPanel } from '../administration/ConsentPanel';
import { PermissionEditor } from '../administration/PermissionEditor';
import { hasSettings } from '../administration/pluginSettings';
import { ReleaseList } from '../administration/ReleaseList';
import { Badge } from '../components/Badge';
import { Breadcrumb } from '../components/Breadcrumb';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { Icon } from '../components/Icon';
import { LoadFailure } from '../components/LoadFailure';
import { NotFoundPage } from '../components/NotFoundPage';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { Skeleton } from '../components/Skeleton';
import { loadSchemaForm } from '../forms/loadSchemaForm';
import { useEditFocus } from '../hooks/useEditFocus';
import { usePluginChanges } from '../hooks/useFeed';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { getPlugin } from '../lib/api';
import type { FunctionDetail, PluginDetail } from '../lib/types';
import { PermissionList } from '../permissions/PermissionList';
import { asksHost, whyBlocked } from './availability';
import { dedicatedPage } from './dedicatedPages';
import { FunctionPicker } from './FunctionPicker';
import { FunctionRunner } from './FunctionRunner';
import { PluginActions } from './PluginActions';
import { PluginDetails } from './PluginDetails';
import { PluginIcon } from './PluginIcon';
import { PluginStateBadge } from './PluginStateBadge';
import './PluginPage.css';

const SettingsSection = lazy(() => import('../administration/SettingsSection'));

export function PluginPage() {
  const { slug = '', function: functionName } = useParams();
  const { state, retry, reload, put } = useLoaded(useCallback((signal) => getPlugin(slug, signal), [slug]));
  const [removed, setRemoved] = useState<string | null>(null);
  usePluginChanges(
    useCallback(
      (changed, isRemoved) => {
        if (changed !== slug && changed !== null) return;
        setRemoved(isRemoved ? slug : null);
        reload();
      },
      [slug, reload],
    ),
  );

  useEffect(() => {
    // Loads in parallel with the plugin's data. The form itself reports a failure.
    loadSchemaForm().catch(() => null);
  }, []);

  if (state.status === 'failed' && state.problem.status === 404) {
    return (
      <NotFoundPage
        what={removed === slug ? `“${slug}” was just removed` : `There is no plugin named “${slug}”`}
      />
    );
  }
  return (
    <>
      <Breadcrumb to="/plugins">All plugins</Breadcrumb>
      {state.status !== 'loaded' && (
        <PageHeading title={slug} hidden={state.status === 'loading'}>
          {slug}
        </PageHeading>
      )}
      {state.status === 'loading' && <Skeleton lines={7} />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && (
        <PluginView plugin={state.value} functionName={functionName} onChanged={put} />
      )}
    </>
  );
}

function PluginView({
  plugin,
  functionName,
  onChanged,
}: {
  plugin: PluginDetail;
  functionName: string | undefined;
  onChanged: (plugin: PluginDetail) => void;
}) {
  const { user } = useSession();
  const blockedBecause = (candidate: FunctionDetail) => whyBlocked(plugin, candidate, user);
  const chosen = functionName
    ? plugin.functions.find((candidate) => candidate.name === functionName)
    : (plugin.functions.find((candidate) => !blockedBecause(candidate)) ?? plugin.functions[0]);
  const { pending } = plugin;
  const own = dedicatedPage(plugin);
  useFocusFallback(plugin.active_version);

  return (
    <>
      <div className="plugin-head">
        <PluginIcon slug={plugin.slug} title={plugin.title} large />
        <div className="plugin-head-text">
          <div className="plugin-title">
            <PageHeading title={chosen && functionName ? `${chosen.title} · ${plugin.title}` : plugin.title}>
              {plugin.title}
            </PageHeading>
            <Badge>v{plugin.version}</Badge>
            <PluginStateBadge plugin={plugin} />
          </div>
          <p className="lead">{plugin.description}</p>
          {own && (
            <Link to={own.path} className="button plugin-page-link">
              <Icon name="file" />
              {own.label}
            </Link>
          )}
        </div>
        <PluginActions plugin={plugin} onChanged={onChanged} />
      </div>
      {pending && plugin.can_manage && (
        <ConsentPanel
          key={`${plugin.slug}/${pending.version}`}
          plugin={plugin}
          pending={pending}
          onChanged={onChanged}
        />
      )}
      {!plugin.can_manage && <AwaitingConsentNotice plugin={plugin} />}
      {plugin.paused && <PausedNotice reason={plugin.paused} />}
      <section aria-labelledby="functions-heading" className="section">
        <div className="section-head">
          <h2 id="functions-heading">Functions</h2>
          <Link to={`/executions?plugin=${plugin.slug}`}>View runs</Link>
        </div>
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
            asksHost={asksHost(plugin)}
          />
        ) : (
          functionName && (
            <EmptyState icon="search" title={`There is no function named “${functionName}”`}>
              <p>Choose one of the functions above.</p>
            </EmptyState>
          )
        )}
      </section>
      {/* Before its first activation, the consent panel above shows the permissions. */}
      {(plugin.active_version || !plugin.can_manage) && (
        <PermissionSection plugin={plugin} onChanged={onChanged} />
      )}
      {hasSettings(plugin) && (
        <Suspense fallback={<Skeleton lines={3} />}>
          <SettingsSection
            key={`${plugin.slug}/${plugin.active_version}`}
            plugin={plugin}
            onChanged={onChanged}
          />
        </Suspense>
      )}
      {plugin.can_manage && (
        <section aria-labelledby="releases-heading" className="section">
          <h2 id="releases-heading">Releases</h2>
          <div className="card">
            <ReleaseList
              key={`${plugin.slug}/${plugin.active_version}/${pending?.version}`}
              plugin={plugin}
              onChanged={onChanged}
            />
          </div>
        </section>
      )}
      <section aria-labelledby="facts-heading" className="section">
        <h2 id="facts-heading">Details</h2>
        <div className="card">
          <PluginDetails plugin={plugin} />
        </div>
      </section>
    </>
  );
}

function AwaitingConsentNotice({ plugin }: { plugin: PluginDetail }) {
  if (plugin.state === 'waiting') {
    return (
      <div className="section">
        <Notice tone="warning" title="Awaiting an administrator">
          <p>This plugin cannot run until an administrator approves what it asks for.</p>
        </Notice>
      </div>
    );
  }
  if (!plugin.pending) return null;
  return (
    <div className="section">
      <Notice tone="neutral">
        Version {plugin.pending.version} is awaiting an administrator. {plugin.active_version} stays active.
      </Notice>
    </div>
  );
}

function PausedNotice({ reason }: { reason: string }) {
  return (
    <div className="section">
      <Notice tone="warning" title="Temporarily paused" live="status">
        <p>
          {reason}. Most calls are refused for now, to keep workers free for other plugins. The plugin is
          retried automatically.
        </p>
      </Notice>
    </div>
  );
}

function PermissionSection({
  plugin,
  onChanged,
}: {
  plugin: PluginDetail;
  onChanged: (plugin: PluginDetail) => void;
}) {
  const [editing, setEditing] = useState(false);
  const section = useEditFocus(editing);
  const asked = [...plugin.permissions, ...plugin.network];
  const granted = asked.filter((one) => one.granted).length;
  const count = asked.length;
  return (
    <section ref={section} aria-labelledby="permissions-heading" className="section">
      <div className="section-head">
        <h2 id="permissions-heading">Permissions</h2>
        {count > 0 && (
          <span className="section-tools">
            <span className="muted">
              {granted} of {count} granted
            </span>
            {plugin.can_manage && !editing && (
              <Button small icon="pencil" onClick={() => setEditing(true)}>
                Edit permissions
              </Button>
            )}
          </span>
        )}
      </div>
      <div className="card">
        {editing ? (
          <PermissionEditor
            key={plugin.version}
            plugin={plugin}
            onChanged={onChanged}
            onClose={() => setEditing(false)}
          />
        ) : (
          <PermissionList permissions={plugin.permissions} network={plugin.network} />
        )}
      </div>
    </section>
  );
}
