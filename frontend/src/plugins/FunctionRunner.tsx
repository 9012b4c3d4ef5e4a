import { lazy, Suspense, useCallback, useEffect, useId, useState } from 'react';
import { Button } from '../components/Button';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Notice } from '../components/Notice';
import { SegmentedControl } from '../components/SegmentedControl';
import { Skeleton } from '../components/Skeleton';
import { FileField } from '../executions/run/FileField';
import { RawInput } from '../executions/run/RawInput';
import { rememberedTarget, rememberTarget } from '../executions/run/rememberedTarget';
import { ResultPanel } from '../executions/run/ResultPanel';
import { prepareBrowserRuns } from '../executions/run/runFunction';
import { RunProgress } from '../executions/run/RunProgress';
import { TargetChoice } from '../executions/run/TargetChoice';
import { useRun } from '../executions/run/useRun';
import { canRenderForm } from '../forms/formSupport';
import { loadSchemaForm } from '../forms/loadSchemaForm';
import { useChosenFile, useDraft } from '../hooks/useDraft';
import { isUnsupported, type Call } from '../lib/calls';
import type { FieldError } from '../lib/problem';
import type { FunctionDetail, Target } from '../lib/types';
import { firstDraft, keepsDraft, parseInput, type Draft } from './inputDraft';
import '../executions/run/RunControls.css';
import './FunctionRunner.css';

const NO_ERRORS: FieldError[] = [];
const SchemaForm = lazy(loadSchemaForm);

interface FunctionRunnerProps {
  slug: string;
  definition: FunctionDetail;
  userId: string;
  /** Why the function cannot run, as a sentence; null if it can. */
  blocked: string | null;
  /** Whether the plugin has any host API permission. */
  asksHost: boolean;
}

/** The input of one function, as a form or raw, and the result of its run. Mount with a key per function. */
export function FunctionRunner({ slug, definition, userId, blocked, asksHost }: FunctionRunnerProps) {
  const formId = useId();
  const functionKey = { userId, slug, name: definition.name };
  const [formFails, setFormFails] = useState(false);
  const [formReady, setFormReady] = useState(false);
  const hasForm = canRenderForm(definition.input_schema) && !formFails;
  const form = `plugins/${slug}/${definition.name}`;
  const [draft, keep] = useDraft(form, firstDraft(definition.input_schema), keepsDraft(definition));
  const [chosenFile, chooseFile] = useChosenFile(form);
  const file = definition.input_schema ? null : chosenFile;
  const mode = hasForm ? draft.mode : 'raw';
  const [inputError, setInputError] = useState<string | null>(null);
  const [fieldErrors, setFieldErrors] = useState(NO_ERRORS);
  const { finished, activeRun, isRunning, start, cancel } = useRun();
  const [target, setTarget] = useState<Target>(() => rememberedTarget(functionKey, definition.targets));
  const running = activeRun !== null;
  const canRun = blocked === null && (mode === 'raw' || formReady);

  useEffect(() => (target === 'browser' ? prepareBrowserRuns() : undefined), [target]);

  const markReady = useCallback(() => setFormReady(true), []);

  function change(changes: Partial<Draft>) {
    keep(changes);
    setInputError(null);
    setFieldErrors(NO_ERRORS);
  }

  function switchMode(to: Draft['mode']) {
    if (to === mode) return;
    if (to === 'raw') {
      change({ mode: 'raw', raw: JSON.stringify(draft.data ?? {}, null, 2) });
      return;
    }
    const parsed = parseInput(draft.raw);
    if (parsed.ok) change({ mode: 'form', data: parsed.value });
    else setInputError(`${parsed.message} Fix it to go back to the form.`);
  }

  function switchTarget(to: Target) {
    setTarget(to);
    rememberTarget(functionKey, to);
  }

  async function run(call: Call, on: Target) {
    setFieldErrors(NO_ERRORS);
    const outcome = await start(call, on);
    if (outcome?.ok === false) setFieldErrors(outcome.problem.errors);
  }

  function runInput(body: Call['body'], contentType: string) {
    // The keyboard can submit a form whose button is disabled.
    if (canRun && !isRunning())
      void run({ slug, name: definition.name, body, contentType, isPrivate: !asksHost }, target);
  }

  function runFile(chosen: File) {
    runInput(chosen, 'application/octet-stream');
  }

  function runRaw() {
    const parsed = parseInput(draft.raw);
    if (definition.input_schema && !parsed.ok) setInputError(parsed.message);
    else runInput(draft.raw, parsed.ok ? 'application/json' : 'text/plain; charset=utf-8');
  }

  function runOnServerInstead() {
    switchTarget('server');
    if (finished) void run(finished.call, 'server');
  }

  const rawInput = (
    <RawInput
      formId={formId}
      label={definition.input_schema ? 'Input as JSON' : 'Input'}
      value={draft.raw}
      error={inputError}
      onChange={(raw) => change({ mode: 'raw', raw })}
      onSubmit={runRaw}
      onFile={definition.input_schema ? undefined : chooseFile}
    />
  );
  return (
    <>
      <div className="card card-body">
        <div className="runner-head">
          <p className="runner-text">{definition.description}</p>
          {hasForm && (
            <SegmentedControl
              label="Input format"
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
          <Notice tone="neutral">This input cannot be shown as a form. Enter it as JSON.</Notice>
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
        ) : definition.input_schema ? (
          rawInput
        ) : (
          <FileField file={file} maxBytes={definition.max_input_bytes} onChoose={chooseFile}>
            {rawInput}
          </FileField>
        )}
        <div className="run-controls">
          <Button
            type={file ? 'button' : 'submit'}
            form={formId}
            look="primary"
            icon="play"
            busy={running}
            disabled={!canRun}
            onClick={file ? () => runFile(file) : undefined}
          >
            {running ? 'Running…' : 'Run'}
          </Button>
          {activeRun && (
            <Button look="quiet" onClick={cancel}>
              Cancel
            </Button>
          )}
          <TargetChoice targets={definition.targets} value={target} onChange={switchTarget} />
        </div>
        {activeRun && <RunProgress activeRun={activeRun} bytes={file?.size ?? 0} label="Running" />}
        {target === 'browser' && <p className="run-note muted">{privacyNote(asksHost)}</p>}
      </div>
      {finished && (
        <ResultPanel
          heading="h3"
          finished={finished}
          fileName={`${slug}-${definition.name}`}
          stale={running}
          onRunOnServer={
            definition.targets.includes('server') && isUnsupported(finished.outcome)
              ? runOnServerInstead
              : null
          }
        />
      )}
    </>
  );
}

function privacyNote(asksHost: boolean): string {
  return asksHost
    ? 'Runs in this browser. The plugin can access your data on this server, but nobody else’s.'
    : 'Runs in this browser. Your input and the result do not leave this page. The server receives only sizes, durations and the outcome.';
}
