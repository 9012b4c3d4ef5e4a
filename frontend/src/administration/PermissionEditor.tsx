import { useState } from 'react';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { ProblemNotice } from '../components/ProblemNotice';
import { useToasts } from '../hooks/useToasts';
import { changePlugin } from '../lib/api';
import { asProblem, type ApiProblem } from '../lib/problem';
import type { PluginDetail } from '../lib/types';
import { MissingPermissionsNote } from '../permissions/MissingPermissionsNote';
import { NetworkChoices } from '../permissions/NetworkChoices';
import { PermissionChoices } from '../permissions/PermissionChoices';
import { chosen, grantedKeys, keyOf, missing, nameOf, revoked, toggled } from '../permissions/permissions';

/** Changes the permissions of a plugin. Asks for confirmation before it revokes any. */
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
  const asked = [...plugin.permissions, ...plugin.network];
  const [ticked, setTicked] = useState(() => grantedKeys(asked));
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const lost = revoked(asked, ticked);

  async function save() {
    const changed = await changePlugin(plugin.slug, chosen(plugin, ticked));
    show({ tone: 'success', title: 'Permissions saved', body: 'They apply from the next call.' });
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

  const choices = {
    ticked,
    disabled: busy,
    onToggle: (key: string) => setTicked((now) => toggled(now, key)),
  };
  return (
    <>
      {plugin.permissions.length > 0 && (
        <PermissionChoices legend="Permissions" legendHidden permissions={plugin.permissions} {...choices} />
      )}
      {plugin.network.length > 0 && <NetworkChoices legend="Addresses" rules={plugin.network} {...choices} />}
      <div className="card-foot">
        {problem && <ProblemNotice problem={problem} />}
        <MissingPermissionsNote missing={missing(asked, ticked)} />
        <div className="button-row">
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
          title={lost.length === 1 ? 'Revoke this permission?' : `Revoke ${lost.length} permissions?`}
          confirm="Revoke and save"
          onConfirm={save}
          onClose={() => setAsking(false)}
        >
          <p>From its next call, {plugin.title} loses:</p>
          <ul className="dialog-list">
            {lost.map((one) => (
              <li key={keyOf(one)}>{nameOf(one)}</li>
            ))}
          </ul>
        </ConfirmDialog>
      )}
    </>
  );
}
