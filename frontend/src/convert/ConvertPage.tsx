import { useCallback } from 'react';
import { Link } from 'react-router';
import { usePluginChanges } from '../hooks/useFeed';
import { getPlugin } from '../lib/api';
import { Converter } from './Converter';
import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeading } from '../components/PageHeading';
import { Skeleton } from '../components/Skeleton';
import { CONVERT, SLUG } from './conversion';
import { asksHost, whyBlocked } from '../plugins/availability';
import { useSession } from '../hooks/useSession';
import type { PluginDetail } from '../lib/types';
import { useLoaded } from '../hooks/useLoaded';
import { NotFoundPage } from '../components/NotFoundPage';

/** The page of the plugin "convert", for files of any size that it takes. */
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
      <div className="page-head">
        <div>
          <PageHeading title="Convert">Convert</PageHeading>
          <p className="lead">
            CSV, JSON, YAML and TOML into each other, and Markdown into a web page. The plugin{' '}
            <Link to={`/plugins/${SLUG}`}>{SLUG}</Link> does the work.
          </p>
        </div>
      </div>
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
    return <EmptyState icon="plug" title="The release of the plugin that serves here takes no files" />;
  return (
    <Converter
      definition={definition}
      userId={user.id}
      blocked={whyBlocked(plugin, definition, user)}
      asksHost={asksHost(plugin)}
    />
  );
}
