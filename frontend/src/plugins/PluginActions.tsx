import { useState } from 'react';
import { RemovePlugin } from '../administration/RemovePlugin';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { useToasts } from '../hooks/useToasts';
import { changePlugin, watchPlugin } from '../lib/api';
import { asProblem } from '../lib/problem';
import type { PluginDetail } from '../lib/types';
import './PluginActions.css';

/** Watch, for every user; enable, disable and remove, for administrators. */
export function PluginActions({
  plugin,
  onChanged,
}: {
  plugin: PluginDetail;
  onChanged: (plugin: PluginDetail) => void;
}) {
  const { show } = useToasts();
  const [busy, setBusy] = useState<'watch' | 'enable' | null>(null);
  const [asking, setAsking] = useState(false);
  const enabled = plugin.state === 'enabled';

  async function attempt(what: 'watch' | 'enable', action: () => Promise<void>) {
    setBusy(what);
    try {
      await action();
    } catch (error) {
      const problem = asProblem(error);
      show({ tone: 'danger', title: problem.title, body: problem.detail });
    } finally {
      setBusy(null);
    }
  }

  async function toggleWatch() {
    await watchPlugin(plugin.slug, !plugin.watching);
    onChanged({ ...plugin, watching: !plugin.watching });
  }

  async function enable() {
    onChanged(await changePlugin(plugin.slug, { enabled: true }));
    show({ tone: 'success', title: `${plugin.title} enabled` });
  }

  async function disable() {
    onChanged(await changePlugin(plugin.slug, { enabled: false }));
    show({
      tone: 'neutral',
      title: `${plugin.title} disabled`,
      action: { label: 'Undo', run: () => void attempt('enable', enable) },
    });
  }

  return (
    <div className="plugin-actions">
      <Button
        small
        icon={plugin.watching ? 'bellOff' : 'bell'}
        busy={busy === 'watch'}
        title={
          plugin.watching ? 'You receive this plugin’s notifications' : 'Receive this plugin’s notifications'
        }
        onClick={() => void attempt('watch', toggleWatch)}
      >
        {plugin.watching ? 'Unwatch' : 'Watch'}
      </Button>
      {plugin.can_manage && plugin.state !== 'waiting' && (
        <Button
          small
          icon={enabled ? 'ban' : 'play'}
          busy={busy === 'enable'}
          onClick={() => (enabled ? setAsking(true) : void attempt('enable', enable))}
        >
          {enabled ? 'Disable' : 'Enable'}
        </Button>
      )}
      {plugin.can_manage && plugin.removable && <RemovePlugin plugin={plugin} />}
      {asking && (
        <ConfirmDialog
          danger
          title={`Disable ${plugin.title}?`}
          confirm="Disable"
          onConfirm={disable}
          onClose={() => setAsking(false)}
        >
          <p>
            All its calls are refused until it is enabled again. Its permissions, settings and releases stay
            as they are.
          </p>
        </ConfirmDialog>
      )}
    </div>
  );
}
