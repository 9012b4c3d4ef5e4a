// Converts a WebAssembly stack of V8 to the format of the server's runtime, so that the server reads both alike.

/** "    at faults.wasm.trap (wasm://wasm/faults.wasm-5f0e6a2a:wasm-function[12]:0x8a16)" */
const FRAME = /^\s*at (.+) \(wasm:\/\/wasm\/(.+)-[0-9a-f]+:wasm-function\[\d+\]:(0x[0-9a-f]+)\)$/;

/** The backtrace of a trap. Stacks of other engines are not converted: only their message is used. */
export function backtrace(error: Error): string {
  const frames = (error.stack ?? '').split('\n').flatMap((line) => {
    const [, name, module, offset] = FRAME.exec(line) ?? [];
    return name && module ? [{ module, offset, name: demangle(withoutPrefix(name, `${module}.`)) }] : [];
  });
  if (frames.length === 0) return `${error.name}: ${error.message}`;
  const lines = frames.map(({ module, offset, name }, index) => `${index}: ${offset} - ${module}!${name}`);
  return [error.message, 'wasm backtrace:', ...lines].join('\n    ');
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

const ESCAPES: Record<string, string> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

/** Demangles a Rust name: fully for the legacy scheme, only the crate for the v0 scheme. */
export function demangle(name: string): string {
  const crate = /^_R.*?C(?:s[0-9A-Za-z]*_)?(\d+)(\w+)$/.exec(name);
  if (crate?.[1] && crate[2]) return `${crate[2].replace(/^_/, '').slice(0, Number(crate[1]))}::${name}`;
  if (!/^_ZN.*E$/.test(name)) return name;
  const parts: string[] = [];
  for (let rest = name.slice(3, -1); rest !== '';) {
    const digits = /^\d+/.exec(rest)?.[0];
    const length = Number(digits);
    if (!digits || rest.length < digits.length + length) return name;
    parts.push(unescape(rest.slice(digits.length, digits.length + length)));
    rest = rest.slice(digits.length + length);
  }
  return parts.join('::');
}

function unescape(part: string): string {
  return part
    .replace(/^_\$/, '$')
    .replaceAll('..', '::')
    .replace(/\$u([0-9a-f]+)\$/g, (_, code: string) => String.fromCodePoint(parseInt(code, 16)))
    .replace(/\$(\w+)\$/g, (whole, code: string) => ESCAPES[code] ?? whole);
}
