import { lazy, Suspense, useCallback, useId, useState } from 'react';
import { Button } from '../components/Button';
import { DescriptionItem, DescriptionList } from '../components/DescriptionList';
import { Notice } from '../components/Notice';
import { ProblemNotice } from '../components/ProblemNotice';
import { Skeleton } from '../components/Skeleton';
import { loadSchemaForm } from '../forms/loadSchemaForm';
import { useDraft } from '../hooks/useDraft';
import { useEditFocus } from '../hooks/useEditFocus';
import { useToasts } from '../hooks/useToasts';
import { changePlugin } from '../lib/api';
import { asProblem, type ApiProblem, type FieldError } from '../lib/problem';
import type { PluginDetail } from '../lib/types';
import { formData, formSchema, settingsOf, settingText, toSend, type Setting } from './pluginSettings';
import './SettingsSection.css';

const SchemaForm = lazy(loadSchemaForm);

/** The form validates all that the server does. Other errors of the server do not belong to a field. */
const NO_ERRORS: FieldError[] = [];

interface SettingsProps {
  plugin: PluginDetail;
  onChanged: (plugin: PluginDetail) => void;
}

/** The settings of a plugin, and the form to change them. Mount with a key per release. */
export default function SettingsSection({ plugin, onChanged }: SettingsProps) {
  const settings = settingsOf(plugin);
  const [draft, change, drop] = useDraft<{ data: Record<string, unknown> | null }>(
    `plugins/${plugin.slug}/settings`,
    { data: null },
    settings.every(({ isSecret }) => !isSecret),
  );
  const editing = draft.data !== null;
  const section = useEditFocus(editing);
  return (
    <section ref={section} aria-labelledby="settings-heading" className="section">
      <div className="section-head">
        <h2 id="settings-heading">Settings</h2>
        {!editing && (
          <Button small icon="pencil" onClick={() => change({ data: formData(plugin) })}>
            Edit settings
          </Button>
        )}
      </div>
      <div className="card">
        {draft.data ? (
          <SettingsForm
            plugin={plugin}
            data={draft.data}
            onChange={(data) => change({ data })}
            onClose={drop}
            onChanged={onChanged}
          />
        ) : (
          <DescriptionList>
            {settings.map((setting) => (
              <DescriptionItem key={setting.name} term={setting.title}>
                <SettingValue setting={setting} />
              </DescriptionItem>
            ))}
          </DescriptionList>
        )}
      </div>
    </section>
  );
}

function SettingValue({ setting: { isSecret, isSet, value } }: { setting: Setting }) {
  if (isSecret) return isSet ? 'Set (hidden)' : <span className="muted">Not set</span>;
  if (value === undefined) return <span className="muted">Not set</span>;
  return (
    <>
      {settingText(value)} {!isSet && <span className="muted">(default)</span>}
    </>
  );
}

function SettingsForm({
  plugin,
  data,
  onChange,
  onClose,
  onChanged,
}: SettingsProps & {
  data: Record<string, unknown>;
  onChange: (data: Record<string, unknown>) => void;
  onClose: () => void;
}) {
  const { show } = useToasts();
  const formId = useId();
  const [schema] = useState(() => formSchema(plugin));
  const [busy, setBusy] = useState(false);
  const [ready, setReady] = useState(false);
  const [unsupported, setUnsupported] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);

  // The form loads after the section was opened.
  const markReady = useCallback(() => {
    setReady(true);
    document.getElementById(formId)?.querySelector<HTMLElement>('input, select, textarea')?.focus();
  }, [formId]);
  const markUnsupported = useCallback(() => setUnsupported(true), []);

  async function save(entered: Record<string, unknown>) {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const changed = await changePlugin(plugin.slug, { settings: toSend(plugin, entered) });
      show({ tone: 'success', title: 'Settings saved', body: 'They apply from the next call.' });
      onChanged(changed);
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }

  return (
    <>
      <div className="settings-form">
        {unsupported ? (
          <Notice tone="neutral">
            These settings cannot be shown as a form. Change them with the REST API.
          </Notice>
        ) : (
          <Suspense fallback={<Skeleton lines={3} />}>
            <SchemaForm
              formId={formId}
              idPrefix="settings"
              schema={schema}
              data={data}
              disabled={busy}
              fieldErrors={NO_ERRORS}
              onReady={markReady}
              onChange={(entered) => onChange(entered as Record<string, unknown>)}
              onSubmit={(entered) => void save(entered as Record<string, unknown>)}
              onUnsupported={markUnsupported}
            />
          </Suspense>
        )}
      </div>
      <div className="card-foot">
        {problem && <ProblemNotice problem={problem} />}
        <div className="button-row">
          {!unsupported && (
            <Button type="submit" form={formId} look="primary" busy={busy} disabled={!ready}>
              Save settings
            </Button>
          )}
          <Button disabled={busy} onClick={onClose}>
            Cancel
          </Button>
        </div>
      </div>
    </>
  );
}
