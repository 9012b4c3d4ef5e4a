// What a WebAssembly module imports, for the report about an uploaded bundle.
const NAMESPACES: Record<string, string> = {
  'extism:host/env': 'Extism: input, output, memory, and HTTP through the server',
  'extism:host/user': 'Host API operations as functions',
  wasi_snapshot_preview1: 'WASI, without files or network',
};

/** What the imports from this namespace give a module. */
export function describeNamespace(namespace: string): string {
  return NAMESPACES[namespace] ?? 'Other functions';
}
