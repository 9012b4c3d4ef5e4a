import { useState } from 'react';
import { changePlugin } from '../api';
import { grantedOf, missing, revoked, toggled } from '../permissions';
import { asProblem, type ApiProblem } from '../problem';
import { useToasts } from '../toasts';
import type { PluginDetail } from '../types';
import { Button } from './Button';
import { ConfirmDialog } from './ConfirmDialog';
import { MissingNote } from './MissingNote';
import { PermissionChoices } from './PermissionChoices';
import { ProblemNotice } from './ProblemNotice';

/** Changes what a plugin holds. Taking something back is asked once more. */
export function PermissionEditor({
  plugin,
  onChanged,
  onClose,
}: {
  plugin: PluginDetail;
  onChanged: (plugin: PluginDetail) => void;
  onClose: () => void;
}) {
  const { show } = useToasts();
  const [ticked, setTicked] = useState(() => grantedOf(plugin.permissions));
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const lost = revoked(plugin.permissions, ticked);

  async function save() {
    const changed = await changePlugin(plugin.slug, { grants: [...ticked] });
    show({ tone: 'success', title: 'Permissions saved', body: 'They hold from the next call on.' });
    onChanged(changed);
    onClose();
  }

  async function saveAtOnce() {
    setBusy(true);
    setProblem(null);
    try {
      await save();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }

  return (
    <>
      <PermissionChoices
        legend="What it may do"
        legendHidden
        permissions={plugin.permissions}
        ticked={ticked}
        disabled={busy}
        onToggle={(operation) => setTicked((now) => toggled(now, operation))}
      />
      <div className="consent-foot">
        {problem && <ProblemNotice problem={problem} />}
        <MissingNote missing={missing(plugin.permissions, ticked)} />
        <div className="consent-buttons">
          <Button
            look="primary"
            busy={busy}
            onClick={() => (lost.length > 0 ? setAsking(true) : void saveAtOnce())}
          >
            Save permissions
          </Button>
          <Button disabled={busy} onClick={onClose}>
            Cancel
          </Button>
        </div>
      </div>
      {asking && (
        <ConfirmDialog
          danger
          title={lost.length === 1 ? 'Take this back?' : `Take ${lost.length} permissions back?`}
          confirm="Take back and save"
          onConfirm={save}
          onClose={() => setAsking(false)}
        >
          <p>{plugin.title} loses this with its next call:</p>
          <ul className="dialog-list">
            {lost.map((permission) => (
              <li key={permission.operation}>{permission.title}</li>
            ))}
          </ul>
        </ConfirmDialog>
      )}
    </>
  );
}
