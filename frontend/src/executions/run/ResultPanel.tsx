import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Badge } from '../../components/Badge';
import { Button } from '../../components/Button';
import { CopyButton } from '../../components/CopyButton';
import { ProblemNotice } from '../../components/ProblemNotice';
import { OutputView, type View } from '../output/OutputView';
import { TimingBar } from '../TimingBar';
import { ProblemWithExcerpts } from './ProblemWithExcerpts';
import type { FinishedRun } from './useRun';
import './ResultPanel.css';

export function ResultPanel({
  heading: Heading,
  finished,
  fileName,
  extension,
  firstView,
  source = null,
  stale,
  onRunOnServer = null,
}: {
  /** One level below the heading above the panel. */
  heading: 'h2' | 'h3';
  finished: FinishedRun;
  fileName: string;
  extension?: string;
  firstView?: View | null;
  /** The text that errors refer to. */
  source?: Blob | null;
  stale: boolean;
  /** Offered if the browser could not run the function but the server can. */
  onRunOnServer?: (() => void) | null;
}) {
  const { outcome } = finished;
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    // In the next frame, when the page is laid out anyway.
    const frame = requestAnimationFrame(() => panel.current?.scrollIntoView({ block: 'nearest' }));
    return () => cancelAnimationFrame(frame);
  }, [outcome]);
  return (
    <section ref={panel} aria-label="Result" className={stale ? 'card result result-stale' : 'card result'}>
      <div className="result-head">
        <Heading>Result</Heading>
        <span role="status">
          {outcome.ok ? (
            <Badge tone="success" icon="check">
              Succeeded
            </Badge>
          ) : (
            <Badge tone="danger" icon="x">
              Failed
            </Badge>
          )}
        </span>
      </div>
      {outcome.ok ? (
        <OutputView output={outcome.output} fileName={fileName} extension={extension} firstView={firstView} />
      ) : (
        <div className="result-problem">
          {source ? (
            <ProblemWithExcerpts problem={outcome.problem} source={source} />
          ) : (
            <ProblemNotice problem={outcome.problem} />
          )}
          {onRunOnServer && <Button onClick={onRunOnServer}>Run on the server instead</Button>}
        </div>
      )}
      {(outcome.timing || outcome.executionId) && (
        <div className="result-foot">
          {outcome.timing && <TimingBar timing={outcome.timing} />}
          {outcome.executionId && (
            <p className="execution-id">
              <span className="muted">Execution</span>
              <Link to={`/executions/${outcome.executionId}`}>
                <code>{outcome.executionId}</code>
              </Link>
              <CopyButton text={outcome.executionId} hiddenLabel="Copy ID" />
            </p>
          )}
        </div>
      )}
    </section>
  );
}
