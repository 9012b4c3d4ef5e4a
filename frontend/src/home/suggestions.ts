// Which plugins the home page leads to.
import type { Execution, PluginSummary } from '../lib/types';

/** Those used last come first, then the rest as the catalogue has them; only what can be run now. */
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

/** Something for the first try: a function that everybody who is logged in may run. */
export function firstStep(
  plugins: PluginSummary[],
): { plugin: PluginSummary; name: string; title: string } | null {
  // The template is made for looking at; else whatever there is.
  const [plugin] = shortcuts(plugins, [], Infinity).sort(
    (a, b) => Number(b.slug === 'template') - Number(a.slug === 'template'),
  );
  const chosen = plugin?.functions.find((item) => item.access === 'user');
  return plugin && chosen ? { plugin, name: chosen.name, title: chosen.title || chosen.name } : null;
}

/** What nobody consented to yet: new plugins, and releases that ask for more than those that serve. */
export function awaitingConsent(plugins: PluginSummary[]): PluginSummary[] {
  return plugins.filter((plugin) => plugin.state === 'waiting' || plugin.pending_version);
}
