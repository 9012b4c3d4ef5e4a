// Which plugins the home page suggests.
import type { Execution, PluginSummary } from '../lib/types';

/** Enabled plugins: recently used ones first, then the others in catalogue order. */
export function shortcuts(plugins: PluginSummary[], executions: Execution[], limit: number): PluginSummary[] {
  const used = [...new Set(executions.map((execution) => execution.plugin))];
  const rank = (plugin: PluginSummary) => {
    const place = used.indexOf(plugin.slug);
    return place === -1 ? used.length : place;
  };
  return plugins
    .filter((plugin) => plugin.state === 'enabled' && plugin.functions.some((item) => item.access === 'user'))
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, limit);
}

/** A function for the first try, one that every logged-in user may run. */
export function firstStep(
  plugins: PluginSummary[],
): { plugin: PluginSummary; name: string; title: string } | null {
  // The template is meant as an example; otherwise any plugin will do.
  const [plugin] = shortcuts(plugins, [], Infinity).sort(
    (a, b) => Number(b.slug === 'template') - Number(a.slug === 'template'),
  );
  const chosen = plugin?.functions.find((item) => item.access === 'user');
  return plugin && chosen ? { plugin, name: chosen.name, title: chosen.title || chosen.name } : null;
}

/** Plugins without consent yet: new plugins, and releases that ask for more than the active one. */
export function awaitingConsent(plugins: PluginSummary[]): PluginSummary[] {
  return plugins.filter((plugin) => plugin.state === 'waiting' || plugin.pending_version);
}
