import type { PluginDetail, PluginSummary } from '../lib/types';

/** Plugins that come with Hostbridge and have a page of their own beside the one that all have. */
const OWN_PAGES: Record<string, { path: string; label: string }> = {
  convert: { path: '/convert', label: 'Open the converter' },
};

/** The plugin's own page, while it can be used. */
export function dedicatedPage(plugin: PluginSummary | PluginDetail): { path: string; label: string } | null {
  return plugin.state === 'enabled' ? (OWN_PAGES[plugin.slug] ?? null) : null;
}
