import { useEffect, useId, useMemo, useState } from 'react';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { Notice } from '../components/Notice';
import { FileField } from '../executions/run/FileField';
import { RawInput } from '../executions/run/RawInput';
import { rememberedTarget, rememberTarget } from '../executions/run/rememberedTarget';
import { ResultPanel } from '../executions/run/ResultPanel';
import { prepareBrowserRuns } from '../executions/run/runFunction';
import { RunProgress } from '../executions/run/RunProgress';
import { TargetChoice } from '../executions/run/TargetChoice';
import { useRun } from '../executions/run/useRun';
import { useChosenFile, useDraft } from '../hooks/useDraft';
import { isUnsupported } from '../lib/calls';
import type { FunctionDetail, Target } from '../lib/types';
import {
  CONVERT,
  conversion,
  formatsFor,
  OPTIONS_BYTES,
  SLUG,
  type Conversion,
  type Options,
  type Source,
} from './conversion';
import { ConvertOptions, type Choice } from './ConvertOptions';
import { useDetectedFormat } from './useDetectedFormat';
import '../executions/run/RunControls.css';

const FORM = 'convert';
const FIRST: Choice & { text: string } = {
  text: '',
  from: 'auto',
  to: null,
  delimiter: 'auto',
  header: true,
  guess_types: false,
  indent: true,
};

/** The form of a conversion, and its result. Runs in this browser by default. */
export function Converter({
  definition,
  userId,
  blocked,
  asksHost,
}: {
  definition: FunctionDetail;
  userId: string;
  /** Why the function cannot run, as a sentence; null if it can. */
  blocked: string | null;
  /** Whether the plugin has any host API permission. */
  asksHost: boolean;
}) {
  const formId = useId();
  const functionKey = { userId, slug: SLUG, name: CONVERT };
  const [{ text, ...choice }, change] = useDraft(FORM, FIRST);
  const [file, chooseFile] = useChosenFile(FORM);
  const source = useMemo(() => file ?? (text ? new Blob([text]) : null), [file, text]);
  const [target, setTarget] = useState<Target>(() =>
    rememberedTarget(functionKey, definition.targets, 'browser'),
  );
  const { finished, activeRun, isRunning, start, cancel } = useRun<Conversion>();
  const detected = useDetectedFormat(
    blocked === null && definition.targets.includes('browser') ? source : null,
  );

  useEffect(() => (target === 'browser' ? prepareBrowserRuns() : undefined), [target]);

  const sourceFormat = choice.from === 'auto' ? (detected?.format ?? null) : choice.from;
  const options = optionsOf(choice, sourceFormat);

  function convert() {
    if (source && blocked === null && !isRunning()) void start(conversion(source, options), target);
  }

  function switchTarget(to: Target) {
    setTarget(to);
    rememberTarget(functionKey, to);
  }

  function convertOnServerInstead() {
    switchTarget('server');
    if (finished) void start(finished.call, 'server');
  }

  return (
    <>
      <div className="card card-body">
        {blocked && (
          <Notice tone="warning" live="status">
            {blocked}
          </Notice>
        )}
        <FileField file={file} maxBytes={definition.max_input_bytes - OPTIONS_BYTES} onChoose={chooseFile}>
          <RawInput
            formId={formId}
            label="Or paste text"
            hint=""
            value={text}
            error={null}
            onChange={(typed) => change({ text: typed })}
            onSubmit={convert}
            onFile={chooseFile}
          />
        </FileField>
        <ConvertOptions
          choice={choice}
          detected={detected}
          options={options}
          source={sourceFormat}
          onChange={change}
        />
        <div className="run-controls">
          <Button
            look="primary"
            icon="play"
            busy={activeRun !== null}
            disabled={blocked !== null || source === null}
            onClick={convert}
          >
            {activeRun ? 'Converting…' : 'Convert'}
          </Button>
          {activeRun && (
            <Button look="quiet" onClick={cancel}>
              Cancel
            </Button>
          )}
          <TargetChoice targets={definition.targets} value={target} onChange={switchTarget} />
        </div>
        {activeRun && <RunProgress activeRun={activeRun} bytes={source?.size ?? 0} label="Converting" />}
        <p className="run-note muted">
          <Icon name={target === 'browser' && !asksHost ? 'lock' : 'info'} size={14} />
          {privacyNote(target, asksHost)}
        </p>
      </div>
      {finished && (
        <ResultPanel
          heading="h2"
          finished={finished}
          fileName={finished.call.fileName}
          extension={finished.call.to}
          firstView={finished.call.to === 'html' ? 'preview' : null}
          source={finished.call.source}
          stale={activeRun !== null}
          onRunOnServer={
            definition.targets.includes('server') && isUnsupported(finished.outcome)
              ? convertOnServerInstead
              : null
          }
        />
      )}
    </>
  );
}

/** The options for this choice; `source` is null if the format is unknown. */
function optionsOf(choice: Choice, source: Source | null): Options {
  const { delimiter, header, guess_types, indent } = choice;
  const [usual, ...others] = formatsFor(source);
  const to = others.find((format) => format === choice.to) ?? usual;
  return { from: source ?? 'auto', to, delimiter, header, guess_types, indent };
}

function privacyNote(target: Target, asksHost: boolean): string {
  if (target === 'server') return 'Your data is sent to this server and converted there.';
  return asksHost
    ? 'Runs in this browser. The plugin can access your data on this server, but nobody else’s.'
    : 'Your data does not leave this page. The server receives only sizes, durations and the outcome.';
}
