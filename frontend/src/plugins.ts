// What may be done with a plugin here and now.
import type { FunctionDetail, JsonSchema, PluginDetail, PluginSummary, User } from './types';

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

/** Whether there are settings that this user may see and change. */
export function hasSettings({ settings, settings_schema }: PluginDetail): boolean {
  const { properties = {} } = (settings_schema ?? {}) as { properties?: JsonSchema };
  return settings !== null && Object.keys(properties).length > 0;
}

/** Plugins that come with Hostbridge and have a page of their own beside the one that all have. */
const OWN_PAGES: Record<string, { path: string; label: string }> = {
  convert: { path: '/convert', label: 'Open the converter' },
};

/** The plugin's own page, while it can be used. */
export function ownPage(plugin: PluginSummary | PluginDetail): { path: string; label: string } | null {
  return plugin.state === 'enabled' ? (OWN_PAGES[plugin.slug] ?? null) : null;
}
