import { useState } from 'react';
import { useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { useToasts } from '../hooks/useToasts';
import { removePlugin } from '../lib/api';
import { counted } from '../lib/format';
import type { PluginDetail } from '../lib/types';

/** Removes the plugin with all that is its, once its name was typed. */
export function RemovePlugin({ plugin }: { plugin: PluginDetail }) {
  const { show } = useToasts();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);

  async function remove() {
    const { releases, executions, stored_values } = await removePlugin(plugin.slug);
    show({
      tone: 'success',
      title: `${plugin.title} is removed`,
      body: `With it went ${counted(releases, 'release')}, ${counted(executions, 'execution')} and ${counted(stored_values, 'stored value')}.`,
    });
    void navigate('/plugins');
  }

  return (
    <>
      <Button small icon="trash" onClick={() => setAsking(true)}>
        Remove
      </Button>
      {asking && (
        <ConfirmDialog
          danger
          title={`Remove ${plugin.title} for good?`}
          confirm="Remove for good"
          word={plugin.slug}
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          <p>This goes with it, and there is no way back:</p>
          <ul className="dialog-list">
            <li>its releases and their files</li>
            <li>what it was granted, its settings and all that it stored</li>
            <li>its executions, with their host calls</li>
            <li>tokens that were made for it</li>
          </ul>
          <p>To keep the history, disable it instead.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
