import { useState } from 'react';
import { useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { useToasts } from '../hooks/useToasts';
import { removePlugin } from '../lib/api';
import { counted } from '../lib/format';
import type { PluginDetail } from '../lib/types';

/** Removes the plugin and everything that belongs to it, after the user has typed its name. */
export function RemovePlugin({ plugin }: { plugin: PluginDetail }) {
  const { show } = useToasts();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);

  async function remove() {
    const { releases, executions, stored_values } = await removePlugin(plugin.slug);
    show({
      tone: 'success',
      title: `${plugin.title} removed`,
      body: `Also removed: ${counted(releases, 'release')}, ${counted(executions, 'execution')} and ${counted(stored_values, 'stored value')}.`,
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
          title={`Permanently remove ${plugin.title}?`}
          confirm="Remove permanently"
          word={plugin.slug}
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          <p>This also removes the following, and cannot be undone:</p>
          <ul className="dialog-list">
            <li>its releases and their files</li>
            <li>its permissions, settings and stored data</li>
            <li>its executions and their host calls</li>
            <li>access tokens created for it</li>
          </ul>
          <p>To keep the history, disable it instead.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
