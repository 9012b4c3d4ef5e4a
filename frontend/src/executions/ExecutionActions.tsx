import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { useSession } from '../hooks/useSession';
import { useToasts } from '../hooks/useToasts';
import { cancelExecution, replayExecution } from '../lib/api';
import { counted } from '../lib/format';
import { asProblem } from '../lib/problem';
import type { ExecutionDetail } from '../lib/types';
import { isActive } from './executionState';

/** Cancels an active execution, or repeats a finished one. `onEnded` is called if it ended before it was cancelled. */
export function ExecutionActions({
  execution,
  onEnded,
}: {
  execution: ExecutionDetail;
  onEnded: () => void;
}) {
  return isActive(execution) ? (
    <CancelButton id={execution.id} onEnded={onEnded} />
  ) : (
    <RunAgain execution={execution} />
  );
}

function CancelButton({ id, onEnded }: { id: string; onEnded: () => void }) {
  const { show } = useToasts();
  const [busy, setBusy] = useState(false);

  async function cancel() {
    setBusy(true); // until the event of its end arrives
    try {
      await cancelExecution(id);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === 'run-ended') onEnded();
      else show({ tone: 'danger', title: problem.title, body: problem.detail });
      setBusy(false);
    }
  }

  return (
    <Button small icon="ban" busy={busy} onClick={() => void cancel()}>
      Cancel
    </Button>
  );
}

function RunAgain({ execution }: { execution: ExecutionDetail }) {
  const { user } = useSession();
  const { show } = useToasts();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const { plugin, function: name, host_calls: calls } = execution;
  const isOthers = execution.user?.id !== user?.id;

  if (!execution.input) {
    return (
      <Link to={`/plugins/${plugin}/${name}`} className="button button-plain button-small">
        Open function
      </Link>
    );
  }

  async function run() {
    const id = await replayExecution(execution.id);
    if (id) void navigate(`/executions/${id}`);
  }

  async function runAtOnce() {
    setBusy(true);
    try {
      await run();
    } catch (error) {
      const problem = asProblem(error);
      show({ tone: 'danger', title: problem.title, body: problem.detail });
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Button
        small
        icon="refresh"
        busy={busy}
        onClick={() => (isOthers || calls.length > 0 ? setAsking(true) : void runAtOnce())}
      >
        Run again
      </Button>
      {asking && (
        <ConfirmDialog
          title={`Run ${plugin} · ${name} again?`}
          confirm="Run again"
          onConfirm={run}
          onClose={() => setAsking(false)}
        >
          {isOthers && <p>Someone else ran it. This time it runs as you.</p>}
          {calls.length > 0 && (
            <p>
              It made {counted(calls.length, 'host call')}, and may make them again. It runs the active
              release with the same input.
            </p>
          )}
        </ConfirmDialog>
      )}
    </>
  );
}
