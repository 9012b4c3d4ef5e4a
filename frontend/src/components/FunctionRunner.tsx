import { lazy, Suspense, useCallback, useEffect, useId, useRef, useState } from 'react';
import { useWatchEnd } from '../activity';
import { loadDraft, saveDraft, type Draft } from '../drafts';
import { canRenderForm, draftToKeep, firstDraft, parseInput } from '../input';
import { loadSchemaForm } from '../loadSchemaForm';
import type { FieldError } from '../problem';
import { keepReady, run as runCall, UNSUPPORTED, type Call, type Outcome } from '../runner';
import { chosenTarget, keepTarget } from '../targets';
import type { FunctionDetail, Target } from '../types';
import { Button } from './Button';
import { Elapsed } from './Elapsed';
import { ErrorBoundary } from './ErrorBoundary';
import { Notice } from './Notice';
import { RawInput } from './RawInput';
import { ResultPanel } from './ResultPanel';
import { Segmented } from './Segmented';
import { Skeleton } from './Skeleton';

const SchemaForm = lazy(loadSchemaForm);

interface FunctionRunnerProps {
  slug: string;
  definition: FunctionDetail;
  userId: string;
  /** Why it may not be run, in a sentence; null when it may. */
  blocked: string | null;
  /** Whether the plugin was granted anything that it could ask of the server. */
  asksHost: boolean;
}

/** The input of one function as a form or raw, the run, and its result. Mount with a key per function. */
export function FunctionRunner({ slug, definition, userId, blocked, asksHost }: FunctionRunnerProps) {
  const formId = useId();
  const place = { userId, slug, name: definition.name };
  const [formFails, setFormFails] = useState(false);
  const [formReady, setFormReady] = useState(false);
  const hasForm = canRenderForm(definition.input_schema) && !formFails;
  const [draft, setDraft] = useState<Draft>(() => loadDraft(place) ?? firstDraft(definition.input_schema));
  const mode = hasForm ? draft.mode : 'raw';
  const [inputError, setInputError] = useState<string | null>(null);
  const [fieldErrors, setFieldErrors] = useState<FieldError[]>([]);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [startedAt, setStartedAt] = useState<number | null>(null);
  const [target, setTarget] = useState<Target>(() => chosenTarget(place, definition.targets));
  const [lastCall, setLastCall] = useState<Call | null>(null);
  const controller = useRef<AbortController>(null);

  const watchEnd = useWatchEnd();

  useEffect(() => () => controller.current?.abort(), []);
  useEffect(() => (target === 'browser' ? keepReady() : undefined), [target]);

  const markReady = useCallback(() => setFormReady(true), []);

  function change(changes: Partial<Draft>) {
    const next = { ...draft, ...changes };
    setDraft(next);
    setInputError(null);
    setFieldErrors([]);
    const kept = draftToKeep(definition, next);
    if (kept) saveDraft(place, kept);
  }

  function switchMode(to: Draft['mode']) {
    if (to === mode) return;
    if (to === 'raw') {
      change({ mode: 'raw', raw: JSON.stringify(draft.data ?? {}, null, 2) });
      return;
    }
    const parsed = parseInput(draft.raw);
    if (parsed.ok) change({ mode: 'form', data: parsed.value });
    else setInputError(`${parsed.message} Mend it to go back to the form.`);
  }

  function switchTarget(to: Target) {
    setTarget(to);
    keepTarget(place, to);
  }

  async function run(call: Call, on: Target) {
    controller.current = new AbortController();
    // First of all, so that it is under way while the page is rendered.
    const outcome = runCall(call, on, controller.current.signal, watchEnd);
    setStartedAt(Date.now());
    setFieldErrors([]);
    setLastCall(call);
    try {
      const result = await outcome;
      setOutcome(result);
      if (!result.ok) setFieldErrors(result.problem.errors);
    } catch {
      // Only giving up ends here; the result of before stays in view.
    } finally {
      setStartedAt(null);
    }
  }

  function runInput(body: string, contentType: string) {
    void run({ slug, name: definition.name, body, contentType }, target);
  }

  function runRaw() {
    const parsed = parseInput(draft.raw);
    if (definition.input_schema && !parsed.ok) setInputError(parsed.message);
    else runInput(draft.raw, parsed.ok ? 'application/json' : 'text/plain; charset=utf-8');
  }

  function runOnServerInstead() {
    switchTarget('server');
    if (lastCall) void run(lastCall, 'server');
  }

  const running = startedAt !== null;
  const choosesTarget = definition.targets.length > 1;
  const canRun = blocked === null && (mode === 'raw' || formReady);
  return (
    <>
      <div className="card runner">
        <div className="runner-head">
          <p className="runner-text">{definition.description}</p>
          {hasForm && (
            <Segmented
              label="Give the input as"
              options={[
                { value: 'form', label: 'Form' },
                { value: 'raw', label: 'Raw JSON' },
              ]}
              value={mode}
              onChange={switchMode}
            />
          )}
        </div>
        {blocked && (
          <Notice tone="warning" live="status">
            {blocked}
          </Notice>
        )}
        {!hasForm && definition.input_schema && (
          <Notice tone="neutral">This input cannot be shown as a form, so it is written as JSON.</Notice>
        )}
        {mode === 'form' && definition.input_schema ? (
          <ErrorBoundary fallback={null} onError={() => setFormFails(true)}>
            <Suspense fallback={<Skeleton lines={3} />}>
              <SchemaForm
                formId={formId}
                schema={definition.input_schema}
                data={draft.data}
                disabled={blocked !== null}
                fieldErrors={fieldErrors}
                onReady={markReady}
                onChange={(data) => change({ data })}
                onSubmit={(data) => runInput(JSON.stringify(data ?? {}), 'application/json')}
                onUnsupported={() => setFormFails(true)}
              />
            </Suspense>
          </ErrorBoundary>
        ) : (
          <RawInput
            formId={formId}
            label={definition.input_schema ? 'Input as JSON' : 'Input'}
            value={draft.raw}
            error={inputError}
            onChange={(raw) => change({ mode: 'raw', raw })}
            onSubmit={runRaw}
          />
        )}
        <div className="runner-foot">
          <Button type="submit" form={formId} look="primary" icon="play" busy={running} disabled={!canRun}>
            {running ? 'Running…' : 'Run'}
          </Button>
          {running && (
            <>
              <Button look="quiet" onClick={() => controller.current?.abort()}>
                {target === 'browser' ? 'Cancel' : 'Stop waiting'}
              </Button>
              <Elapsed since={startedAt} />
            </>
          )}
          {choosesTarget && (
            <Segmented
              label="Run it"
              options={[
                { value: 'server', label: 'On the server' },
                { value: 'browser', label: 'In this browser' },
              ]}
              value={target}
              onChange={switchTarget}
            />
          )}
        </div>
        {target === 'browser' && <p className="runner-note muted">{browserNote(asksHost)}</p>}
      </div>
      {outcome && (
        <ResultPanel
          outcome={outcome}
          fileName={`${slug}-${definition.name}`}
          stale={running}
          onRunOnServer={
            choosesTarget && !outcome.ok && outcome.problem.code === UNSUPPORTED ? runOnServerInstead : null
          }
        />
      )}
    </>
  );
}

function browserNote(asksHost: boolean): string {
  return asksHost
    ? 'Runs in this browser. The plugin may ask this server for your own data, and gets nobody else’s.'
    : 'Runs in this browser: your input and the result do not leave this page. The server is told how it ended.';
}
