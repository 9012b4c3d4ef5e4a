import { useCallback, useId, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { Icon } from '../components/Icon';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeader } from '../components/PageHeader';
import { usePluginChanges } from '../hooks/useFeed';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { listPlugins } from '../lib/api';
import type { PluginSummary } from '../lib/types';
import { PluginCard } from './PluginCard';
import { PluginCardSkeletons } from './PluginCardSkeletons';
import './CataloguePage.css';

export function CataloguePage() {
  const { user } = useSession();
  const { state, retry, reload } = useLoaded(listPlugins);
  usePluginChanges(useCallback(() => reload(), [reload]));
  // The search is in the address, so that going back from a plugin shows the results again. The router updates the
  // address later than the field: until the field loses the focus, the typed text counts, or fast typing would lose
  // letters.
  const [query, setQuery] = useSearchParams();
  const [typed, setTyped] = useState<string | null>(null);
  const search = typed ?? query.get('search') ?? '';
  const setSearch = (words: string) => setQuery(words ? { search: words } : {}, { replace: true });
  const type = (words: string) => {
    setTyped(words);
    setSearch(words);
  };
  const searchId = useId();
  const found = state.status === 'loaded' ? state.value.filter((plugin) => matches(plugin, search)) : [];

  return (
    <>
      <PageHeader title="Plugins" lead="Plugins run in a sandbox and can do only what they were granted.">
        <div className="catalogue-tools">
          <div className="search" role="search">
            <label htmlFor={searchId} className="visually-hidden">
              Search plugins
            </label>
            <Icon name="search" />
            <input
              id={searchId}
              type="search"
              className="input"
              placeholder="Search"
              value={search}
              onChange={(event) => type(event.target.value)}
              onBlur={() => setTyped(null)}
            />
          </div>
          {user?.is_staff && (
            <Link to="/upload" className="button">
              <Icon name="upload" />
              Upload plugin
            </Link>
          )}
        </div>
      </PageHeader>
      {state.status === 'loading' && <PluginCardSkeletons />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && state.value.length === 0 && (
        <EmptyState icon="plug" title="No plugins installed">
          <p>
            {user?.is_staff
              ? 'Upload a bundle, or install one on the command line of the server.'
              : 'An administrator has to install the first plugin.'}
          </p>
        </EmptyState>
      )}
      {state.status === 'loaded' && state.value.length > 0 && (
        <>
          <p role="status" className={search ? 'search-count muted' : 'visually-hidden'}>
            {found.length === 1 ? '1 match' : `${found.length} matches`}
          </p>
          {found.length === 0 ? (
            <EmptyState icon="search" title={`No plugins match “${search}”`}>
              <Button onClick={() => setSearch('')}>Clear search</Button>
            </EmptyState>
          ) : (
            <ul className="card-grid">
              {found.map((plugin) => (
                <PluginCard key={plugin.slug} plugin={plugin} heading="h2" />
              ))}
            </ul>
          )}
        </>
      )}
    </>
  );
}

/** Every word must occur in the plugin's name, description or functions. */
function matches(plugin: PluginSummary, search: string): boolean {
  const text = [plugin.slug, plugin.title, plugin.description, ...plugin.functions.map((item) => item.title)]
    .join(' ')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
