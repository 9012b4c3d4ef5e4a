// Whether a user may run a function.
import type { FunctionDetail, PluginDetail, User } from '../lib/types';

/** Why this user may not run the function, as a sentence; null if they may. */
export function whyBlocked(
  plugin: PluginDetail,
  candidate: FunctionDetail,
  user: User | null,
): string | null {
  if (plugin.state === 'waiting')
    return 'This plugin is awaiting consent. It cannot run until an administrator approves it.';
  if (plugin.state === 'disabled')
    return 'This plugin is disabled. It cannot run until an administrator enables it.';
  if (candidate.access === 'staff' && !user?.is_staff) return 'Only administrators may run this function.';
  if (candidate.access === 'user' && !user) return 'Log in to run this function.';
  return null;
}

/** Whether the plugin has any host API permission. */
export function asksHost(plugin: PluginDetail): boolean {
  return plugin.permissions.some((permission) => permission.granted);
}
