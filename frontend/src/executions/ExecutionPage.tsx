import { useCallback } from 'react';
import { Link, useParams } from 'react-router';
import { Breadcrumb } from '../components/Breadcrumb';
import { CopyableCode } from '../components/CopyableCode';
import { CopyButton } from '../components/CopyButton';
import { DescriptionItem, DescriptionList } from '../components/DescriptionList';
import { Icon } from '../components/Icon';
import { LoadFailure } from '../components/LoadFailure';
import { NotFoundPage } from '../components/NotFoundPage';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { Skeleton } from '../components/Skeleton';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useLoaded } from '../hooks/useLoaded';
import { useNow } from '../hooks/useNow';
import { getExecution } from '../lib/api';
import { formatBytes, formatDuration } from '../lib/format';
import { problemFromBody } from '../lib/problem';
import { fullTime, relativeTime } from '../lib/time';
import type { ExecutionDetail } from '../lib/types';
import { ExecutionActions } from './ExecutionActions';
import { elapsedMs, isActive, STATE_LABEL } from './executionState';
import { HostCallTable } from './HostCallTable';
import { LogList } from './LogList';
import { OutputText } from './output/OutputText';
import { RecordedDataSection } from './RecordedDataSection';
import { StateIcon } from './StateIcon';
import { TimingBar } from './TimingBar';
import { useExecutionChanges } from './useExecutionEvents';
import './ExecutionPage.css';

export default function ExecutionPage() {
  const { id = '' } = useParams();
  const { state, retry, reload } = useLoaded(useCallback((signal) => getExecution(id, signal), [id]));
  useExecutionChanges(id, reload);

  if (state.status === 'failed' && state.problem.status === 404) {
    return <NotFoundPage what="This execution does not exist, or it is not yours" />;
  }
  return (
    <>
      <Breadcrumb to="/executions">All executions</Breadcrumb>
      {state.status !== 'loaded' && (
        <PageHeading title="Execution" hidden={state.status === 'loading'}>
          Execution
        </PageHeading>
      )}
      {state.status === 'loading' && <Skeleton lines={7} />}
      {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
      {state.status === 'loaded' && <ExecutionView execution={state.value} onEnded={reload} />}
    </>
  );
}

function ExecutionView({ execution, onEnded }: { execution: ExecutionDetail; onEnded: () => void }) {
  const now = useNow(1000);
  const { user, timing, host_calls: calls, host_call_count: count, logs } = execution;
  const active = isActive(execution);
  const fileName = `${execution.plugin}-${execution.function}`;
  useFocusFallback(active);
  return (
    <>
      <div className="execution-head">
        <PageHeading title={`${execution.plugin} · ${execution.function}`}>
          {execution.plugin} · {execution.function}
        </PageHeading>
        <div className="execution-tools">
          <p role="status" className={`execution-state state state-${execution.state}`}>
            <StateIcon state={execution.state} />
            {STATE_LABEL[execution.state]}
          </p>
          <ExecutionActions key={execution.id} execution={execution} onEnded={onEnded} />
        </div>
      </div>
      {execution.problem && <ProblemSection problem={execution.problem} />}
      <section aria-labelledby="summary-heading" className="section">
        <h2 id="summary-heading">Summary</h2>
        <div className="card">
          <DescriptionList>
            <DescriptionItem term="Function">
              <Link to={`/plugins/${execution.plugin}/${execution.function}`}>
                {execution.plugin} · {execution.function}
              </Link>
            </DescriptionItem>
            <DescriptionItem term="Called by">{user ? user.name || user.email : 'A visitor'}</DescriptionItem>
            <DescriptionItem term="Started">
              <time dateTime={execution.created_at}>{fullTime(execution.created_at)}</time>{' '}
              <span className="muted">({relativeTime(execution.created_at, now)})</span>
            </DescriptionItem>
            <DescriptionItem term={active ? 'Running for' : 'Duration'}>
              {formatDuration(elapsedMs(execution, now))}
            </DescriptionItem>
            <DescriptionItem term="Ran in">
              {execution.target === 'browser' ? 'A browser, as reported by it' : 'The server'}
            </DescriptionItem>
            <DescriptionItem term="Input and output">
              {formatBytes(execution.input_bytes)} in, {formatBytes(execution.output_bytes)} out
            </DescriptionItem>
            <DescriptionItem term="ID" wide>
              <CopyableCode text={execution.id} label="Copy ID" />
            </DescriptionItem>
          </DescriptionList>
          {timing && (
            <div className="execution-timing">
              <TimingBar
                timing={{
                  queue: timing.queue_ms,
                  start: timing.start_ms,
                  run: timing.run_ms,
                  host: timing.host_ms,
                }}
              />
            </div>
          )}
        </div>
      </section>
      <RecordedDataSection
        heading="Input"
        data={execution.input}
        missing={whyNotRecorded(execution)}
        empty="No input"
        fileName={`${fileName}-input`}
      />
      {!active && !execution.problem && (
        <RecordedDataSection
          heading="Output"
          data={execution.output}
          missing={whyNotRecorded(execution)}
          empty="No output"
          fileName={fileName}
        />
      )}
      <section aria-labelledby="host-calls-heading" className="section">
        <div className="section-head">
          <h2 id="host-calls-heading">Host calls</h2>
          {calls.length > 0 && (
            <span className="muted">
              {count === 1 ? '1 call' : `${count} calls`}
              {count > calls.length && `, the first ${calls.length} shown`}
            </span>
          )}
        </div>
        <div className="card">
          <HostCallTable calls={calls} active={active} />
        </div>
      </section>
      <section aria-labelledby="logs-heading" className="section">
        <h2 id="logs-heading">Log</h2>
        <div className="card">
          <LogList lines={logs} active={active} />
        </div>
      </section>
    </>
  );
}

function whyNotRecorded({ target }: ExecutionDetail): string {
  return target === 'browser'
    ? 'It ran in a browser. Its input and output stayed there.'
    : 'Not stored: it is too large for the history, or the function handles secrets.';
}

function ProblemSection({ problem }: { problem: NonNullable<ExecutionDetail['problem']> }) {
  const { backtrace } = problem;
  return (
    <section aria-label="Problem" className="section">
      <ProblemNotice problem={problemFromBody(problem, problem.status, new Headers())} />
      {typeof backtrace === 'string' && backtrace && (
        <details className="backtrace">
          <summary>
            <Icon name="chevronRight" size={14} />
            Backtrace for the plugin’s author
          </summary>
          <div className="backtrace-tools">
            <CopyButton text={backtrace} />
          </div>
          <OutputText label="Backtrace">{backtrace}</OutputText>
        </details>
      )}
    </section>
  );
}
