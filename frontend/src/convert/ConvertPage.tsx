import { useCallback } from 'react';
import { Link } from 'react-router';
import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { NotFoundPage } from '../components/NotFoundPage';
import { PageHeader } from '../components/PageHeader';
import { Skeleton } from '../components/Skeleton';
import { usePluginChanges } from '../hooks/useFeed';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { getPlugin } from '../lib/api';
import type { PluginDetail } from '../lib/types';
import { asksHost, whyBlocked } from '../plugins/availability';
import { CONVERT, SLUG } from './conversion';
import { Converter } from './Converter';

/** The page of the bundled plugin "convert", for files as large as the plugin accepts. */
export default function ConvertPage() {
  const { state, retry, reload } = useLoaded(
    useCallback((signal: AbortSignal) => getPlugin(SLUG, signal), []),
  );
  usePluginChanges(
    useCallback(
      (changed) => {
        if (changed === SLUG || changed === null) reload();
      },
      [reload],
    ),
  );
  if (state.status === 'failed' && state.problem.status === 404)
    return <NotFoundPage what="The plugin “convert” is not installed" />;
  return (
    <>
      <PageHeader
        title="Convert"
        lead={
          <>
            Convert between CSV, JSON, YAML and TOML, or from Markdown to HTML, with the plugin{' '}
            <Link to={`/plugins/${SLUG}`}>{SLUG}</Link>.
          </>
        }
      />
      {state.status === 'loading' && <Skeleton lines={7} />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && <ConvertView plugin={state.value} />}
    </>
  );
}

function ConvertView({ plugin }: { plugin: PluginDetail }) {
  const { user } = useSession();
  const definition = plugin.functions.find((candidate) => candidate.name === CONVERT);
  if (!definition || !user)
    return <EmptyState icon="plug" title="The active release of this plugin does not accept files" />;
  return (
    <Converter
      definition={definition}
      userId={user.id}
      blocked={whyBlocked(plugin, definition, user)}
      asksHost={asksHost(plugin)}
    />
  );
}
