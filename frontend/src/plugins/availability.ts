// What may be done with a plugin here and now.
import type { FunctionDetail, PluginDetail, User } from '../lib/types';

/** Why this user may not run the function, in a sentence; null when they may. */
export function whyBlocked(
  plugin: PluginDetail,
  candidate: FunctionDetail,
  user: User | null,
): string | null {
  if (plugin.state === 'waiting')
    return 'This plugin waits for consent. Nothing of it can be run until an administrator has given it.';
  if (plugin.state === 'disabled')
    return 'This plugin is turned off. Nothing of it can be run until an administrator turns it on again.';
  if (candidate.access === 'staff' && !user?.is_staff) return 'Only administrators may run this function.';
  if (candidate.access === 'user' && !user) return 'Log in to run this function.';
  return null;
}

/** Whether it was granted anything that it could ask of the server. */
export function asksHost(plugin: PluginDetail): boolean {
  return plugin.permissions.some((permission) => permission.granted);
}
