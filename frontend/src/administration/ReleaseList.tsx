import { useCallback, useState } from 'react';
import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { LoadFailure } from '../components/LoadFailure';
import { Skeleton } from '../components/Skeleton';
import { useLoaded } from '../hooks/useLoaded';
import { useToasts } from '../hooks/useToasts';
import { activateRelease, listReleases } from '../lib/api';
import { formatBytes } from '../lib/format';
import { dayOf, fullTime } from '../lib/time';
import type { PluginDetail, Release } from '../lib/types';

/** Every installed release, with buttons to activate another one. Mount with a key per active release. */
export function ReleaseList({
  plugin,
  onChanged,
}: {
  plugin: PluginDetail;
  onChanged: (plugin: PluginDetail) => void;
}) {
  const { slug } = plugin;
  const { show } = useToasts();
  const { state, retry } = useLoaded(useCallback((signal) => listReleases(slug, signal), [slug]));
  const [asking, setAsking] = useState<Release | null>(null);

  if (state.status === 'loading') return <Skeleton lines={3} />;
  if (state.status === 'failed') return <LoadFailure problem={state.problem} onRetry={retry} />;

  const active = state.value.find((release) => release.state === 'active');
  const isOlder = (release: Release) =>
    active !== undefined && Date.parse(release.created_at) < Date.parse(active.created_at);

  async function activate(release: Release) {
    const changed = await activateRelease(slug, release.version);
    show({ tone: 'success', title: `${plugin.title} ${release.version} is active` });
    onChanged(changed);
  }

  return (
    <>
      <ul className="rows">
        {state.value.map((release) => (
          <li key={release.version} className="row">
            <div className="row-text">
              <p className="row-title">
                <span className="mono">v{release.version}</span>
                {release.state === 'active' && (
                  <Badge tone="success" icon="check">
                    Active
                  </Badge>
                )}
                {release.state === 'pending' && (
                  <Badge tone="warning" icon="clock">
                    Awaiting consent
                  </Badge>
                )}
              </p>
              <p className="row-meta">
                <time dateTime={release.created_at} title={fullTime(release.created_at)}>
                  Installed {dayOf(release.created_at)}
                </time>
                <span>{formatBytes(release.size_bytes)}</span>
                <span>
                  SHA-256 <code title={release.sha256}>{release.sha256.slice(0, 12)}…</code>
                </span>
              </p>
            </div>
            {release.state === 'previous' && (
              <Button
                small
                icon={isOlder(release) ? 'undo' : 'arrowUp'}
                aria-label={`${isOlder(release) ? 'Roll back to' : 'Activate'} ${release.version}`}
                onClick={() => setAsking(release)}
              >
                {isOlder(release) ? 'Roll back' : 'Activate'}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {asking && (
        <ConfirmDialog
          title={`${isOlder(asking) ? 'Roll back' : 'Switch'} to ${asking.version}?`}
          confirm={isOlder(asking) ? 'Roll back' : 'Activate'}
          onConfirm={() => activate(asking)}
          onClose={() => setAsking(null)}
        >
          <p>
            From the next call, {plugin.title} runs {asking.version} instead of {plugin.active_version}. It
            keeps the permissions that it has now, as far as {asking.version} asks for them. You can switch
            back in the same way.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
