import type { PluginDetail, PluginSummary } from '../lib/types';

/** Bundled plugins with a page of their own, in addition to the one that every plugin has. */
const DEDICATED_PAGES: Record<string, { path: string; label: string }> = {
  convert: { path: '/convert', label: 'Open converter' },
};

/** The plugin's own page; null if it has none or is not enabled. */
export function dedicatedPage(plugin: PluginSummary | PluginDetail): { path: string; label: string } | null {
  return plugin.state === 'enabled' ? (DEDICATED_PAGES[plugin.slug] ?? null) : null;
}
