import { useCallback, useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useActivity } from '../activity';
import { cursorOf, listExecutions, listPlugins, type ExecutionFilter } from '../api';
import { Button } from '../components/Button';
import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { SelectField } from '../components/SelectField';
import { Skeleton } from '../components/Skeleton';
import { StateIcon } from '../components/StateIcon';
import { elapsedMs, isState, STATE_LABEL, withNews } from '../executions';
import { asProblem, type ApiProblem } from '../problem';
import { useSession } from '../session';
import { fullTime, relativeTime, useNow } from '../time';
import { formatDuration } from '../timing';
import type { Execution, Page } from '../types';
import { useLoaded } from '../useLoaded';

const PAGE_SIZE = 25;

export default function ExecutionsPage() {
  const { user } = useSession();
  const [query, setQuery] = useSearchParams();
  const plugin = query.get('plugin') ?? '';
  const state = query.get('state') ?? '';
  const { state: plugins } = useLoaded(listPlugins);
  const slugs = new Set(plugins.status === 'loaded' ? plugins.value.map((item) => item.slug) : []);
  if (plugin) slugs.add(plugin);
  const filtered = Boolean(plugin || state);

  function filter(name: string, value: string) {
    setQuery(
      (before) => {
        if (value) before.set(name, value);
        else before.delete(name);
        return before;
      },
      { replace: true },
    );
  }

  return (
    <>
      <div className="page-head">
        <div>
          <PageHeading title="Executions">Executions</PageHeading>
          <p className="lead">
            {user?.is_staff
              ? 'Every call of a plugin function on this server, latest first.'
              : 'Every call of a plugin function you made, latest first.'}
          </p>
        </div>
        <div className="filters" role="search" aria-label="Filter">
          <SelectField
            label="State"
            value={state}
            onChange={(value) => filter('state', value)}
            options={[['', 'Any state'], ...Object.entries(STATE_LABEL)]}
          />
          <SelectField
            label="Plugin"
            value={plugin}
            onChange={(value) => filter('plugin', value)}
            options={[['', 'Any plugin'], ...[...slugs].sort().map((slug): [string, string] => [slug, slug])]}
          />
        </div>
      </div>
      <ExecutionList
        plugin={plugin}
        state={isState(state) ? state : undefined}
        onClear={filtered ? () => setQuery({}, { replace: true }) : null}
      />
    </>
  );
}

function ExecutionList({
  plugin,
  state,
  onClear,
}: ExecutionFilter & {
  /** Takes the filters away; null when there are none. */
  onClear: (() => void) | null;
}) {
  const { user } = useSession();
  const { executions: news } = useActivity();
  const now = useNow(1000);
  const load = useCallback(
    (signal: AbortSignal) => listExecutions({ plugin, state, pageSize: PAGE_SIZE }, signal),
    [plugin, state],
  );
  const first = useLoaded(load);
  const [further, setFurther] = useState<{ load: typeof load; page: Page<Execution> } | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const list = useRef<HTMLTableElement>(null);

  if (first.state.status === 'loading') return <Skeleton lines={9} />;
  if (first.state.status === 'failed')
    return <LoadFailure problem={first.state.problem} onRetry={first.retry} />;

  // Pages of other filters do not belong under these.
  const page = further?.load === load ? further.page : first.state.value;
  const cursor = cursorOf(page.next);
  const shown = withNews(page.results, news, { plugin, state }, cursor !== null);

  async function loadMore(from: string) {
    setBusy(true);
    setProblem(null);
    try {
      const more = await listExecutions({ plugin, state, pageSize: PAGE_SIZE, cursor: from });
      setFurther({ load, page: { ...more, results: [...page.results, ...more.results] } });
      // The last page takes the button away, and with it the focus.
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
        title={onClear ? 'No execution is like that' : 'Nothing ran yet'}
      >
        {onClear ? (
          <Button onClick={onClear}>Show all executions</Button>
        ) : (
          <p>
            Run a function of a <Link to="/plugins">plugin</Link> and it is listed here.
          </p>
        )}
      </EmptyState>
    );
  }
  return (
    <>
      <div className="card">
        <table role="table" ref={list} tabIndex={-1} className="table executions" aria-label="Executions">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader">Function</th>
              <th role="columnheader">State</th>
              {user?.is_staff && <th role="columnheader">Called by</th>}
              <th role="columnheader" className="cell-number">
                Took
              </th>
              <th role="columnheader" className="cell-number">
                Started
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((execution) => (
              <tr role="row" key={execution.id}>
                <td role="cell" className="cell-main">
                  <Link to={`/executions/${execution.id}`} className="row-link">
                    {execution.plugin} · {execution.function}
                  </Link>
                  {execution.target === 'browser' && <p className="cell-note">In a browser</p>}
                  {execution.problem && <p className="cell-note">{execution.problem.title}</p>}
                </td>
                <td role="cell">
                  <span className={`cell-state state state-${execution.state}`}>
                    <StateIcon state={execution.state} />
                    {STATE_LABEL[execution.state]}
                  </span>
                </td>
                {user?.is_staff && (
                  <td role="cell" className="cell-user">
                    {execution.user ? execution.user.name || execution.user.email : 'A visitor'}
                  </td>
                )}
                <td role="cell" className="cell-number">
                  {formatDuration(elapsedMs(execution, now))}
                </td>
                <td role="cell" className="cell-number">
                  <time dateTime={execution.created_at} title={fullTime(execution.created_at)}>
                    {relativeTime(execution.created_at, now)}
                  </time>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="load-more">
        <p role="status" className="muted">
          {cursor === null ? `That is all: ${shown.length}` : `${shown.length} shown`}
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
