// A bundle's module, in words.
const NAMESPACES: Record<string, string> = {
  'extism:host/env': 'Extism itself: input, output, memory, HTTP by way of the server',
  'extism:host/user': 'Operations of the host API, as functions',
  wasi_snapshot_preview1: 'WASI, without files and network',
};

/** What a module takes from a namespace, in words. */
export function describeNamespace(namespace: string): string {
  return NAMESPACES[namespace] ?? 'Other functions';
}
