import { useCallback, useMemo, useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeader } from '../components/PageHeader';
import { ProblemNotice } from '../components/ProblemNotice';
import { SelectField } from '../components/SelectField';
import { Skeleton } from '../components/Skeleton';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { cursorOf, listExecutions, listPlugins, type ExecutionFilter } from '../lib/api';
import { counted } from '../lib/format';
import { asProblem, type ApiProblem } from '../lib/problem';
import type { Execution, Page } from '../lib/types';
import { useActivity } from './activity/useActivity';
import { withLiveUpdates } from './executionList';
import { isState, STATE_LABEL } from './executionState';
import { ExecutionTable } from './ExecutionTable';
import './ExecutionsPage.css';

const FIRST_PAGE = 50;
const FURTHER_PAGE = 100;

export default function ExecutionsPage() {
  const { user } = useSession();
  const [query, setQuery] = useSearchParams();
  const plugin = query.get('plugin') ?? '';
  const name = plugin && (query.get('function') ?? '');
  const state = query.get('state') ?? '';
  const { state: loaded } = useLoaded(listPlugins);
  const plugins = loaded.status === 'loaded' ? loaded.value : [];
  const functions = plugins.find((item) => item.slug === plugin)?.functions ?? [];
  const filtered = Boolean(plugin || state);

  function filter(changes: Record<string, string>) {
    setQuery(
      (before) => {
        for (const [key, value] of Object.entries(changes)) {
          if (value) before.set(key, value);
          else before.delete(key);
        }
        return before;
      },
      { replace: true },
    );
  }

  return (
    <>
      <PageHeader
        title="Executions"
        lead={
          user?.is_staff
            ? 'All calls of plugin functions on this server, latest first.'
            : 'Your calls of plugin functions, latest first.'
        }
      >
        <div className="filters" role="search" aria-label="Filter">
          <SelectField
            label="State"
            value={state}
            onChange={(value) => filter({ state: value })}
            options={[['', 'Any state'], ...Object.entries(STATE_LABEL)]}
          />
          <SelectField
            label="Plugin"
            value={plugin}
            onChange={(value) => filter({ plugin: value, function: '' })}
            options={choices(
              'Any plugin',
              plugin,
              plugins.map(({ slug }) => slug),
            )}
          />
          {plugin && (
            <SelectField
              label="Function"
              value={name}
              onChange={(value) => filter({ function: value })}
              options={choices(
                'Any function',
                name,
                functions.map((item) => item.name),
              )}
            />
          )}
        </div>
      </PageHeader>
      <ExecutionList
        plugin={plugin}
        name={name}
        state={isState(state) ? state : undefined}
        onClear={filtered ? () => setQuery({}, { replace: true }) : null}
      />
    </>
  );
}

/** Includes the chosen value even if it is no longer installed. */
function choices(any: string, chosen: string, known: string[]): [value: string, label: string][] {
  const all = new Set(chosen ? [...known, chosen] : known);
  return [['', any], ...[...all].sort().map((value): [string, string] => [value, value])];
}

function ExecutionList({
  plugin,
  name,
  state,
  onClear,
}: ExecutionFilter & {
  /** Removes the filters; null if there are none. */
  onClear: (() => void) | null;
}) {
  const { user } = useSession();
  const { executions: updates } = useActivity();
  const load = useCallback(
    (signal: AbortSignal) => listExecutions({ plugin, name, state, pageSize: FIRST_PAGE }, signal),
    [plugin, name, state],
  );
  const first = useLoaded(load);
  const [further, setFurther] = useState<{ load: typeof load; page: Page<Execution> } | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const list = useRef<HTMLTableElement>(null);

  // Pages loaded for other filters are not shown.
  const loaded = first.state.status === 'loaded' ? first.state.value : null;
  const page = further?.load === load ? further.page : loaded;
  const cursor = cursorOf(page?.next);
  const shown = useMemo(
    () => (page ? withLiveUpdates(page.results, updates, { plugin, name, state }, cursor !== null) : []),
    [page, updates, plugin, name, state, cursor],
  );

  if (first.state.status === 'failed')
    return <LoadFailure problem={first.state.problem} onRetry={first.retry} />;
  if (!page) return <Skeleton lines={9} />;
  const before = page.results;

  async function loadMore(from: string) {
    setBusy(true);
    setProblem(null);
    try {
      const more = await listExecutions({ plugin, name, state, pageSize: FURTHER_PAGE, cursor: from });
      setFurther({ load, page: { ...more, results: [...before, ...more.results] } });
      // The button disappears with the last page, and the focus with it.
      if (!more.next) list.current?.focus();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  }

  if (shown.length === 0) {
    return (
      <EmptyState
        icon={onClear ? 'search' : 'activity'}
        title={onClear ? 'No matching executions' : 'No executions yet'}
      >
        {onClear ? (
          <Button onClick={onClear}>Show all executions</Button>
        ) : (
          <p>
            Run a function of a <Link to="/plugins">plugin</Link> to see it here.
          </p>
        )}
      </EmptyState>
    );
  }
  return (
    <>
      <div className="card">
        <ExecutionTable ref={list} executions={shown} showUser={Boolean(user?.is_staff)} />
      </div>
      <div className="load-more">
        <p role="status" className="muted">
          {cursor === null ? counted(shown.length, 'execution') : `${shown.length} shown`}
        </p>
        {problem && <ProblemNotice problem={problem} />}
        {cursor !== null && (
          <Button icon="arrowDown" busy={busy} onClick={() => void loadMore(cursor)}>
            Load more
          </Button>
        )}
      </div>
    </>
  );
}
