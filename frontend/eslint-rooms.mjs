// An ESLint rule for the rooms of src/: which room may import which, and no import cycles, not even of types.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';

const SRC = resolve(import.meta.dirname, 'src');

/** The rooms that every feature shares. */
const SHARED = ['forms', 'components', 'hooks', 'lib', 'generated'];

/** What the modules of each room may import, besides those of the same room. */
const MAY_IMPORT = {
  generated: [],
  lib: ['generated'],
  hooks: ['lib'],
  components: ['hooks', 'lib'],
  forms: ['components', 'hooks', 'lib'],
  // The worker that runs a plugin must stay one small file, without React.
  browser: ['lib', 'generated'],
  permissions: SHARED,
  executions: [...SHARED, 'browser'],
  accounts: [...SHARED, 'permissions'],
  administration: [...SHARED, 'permissions'],
  plugins: [...SHARED, 'permissions', 'executions', 'administration'],
  convert: [...SHARED, 'executions', 'plugins'],
  home: [...SHARED, 'executions', 'plugins'],
  app: [...SHARED, 'permissions', 'executions', 'accounts', 'administration', 'plugins', 'convert', 'home'],
  // src/main.tsx
  '': ['app', 'components', 'hooks', 'styles'],
};

/** The first folder below src; '' for a file in src itself. */
function roomOf(file) {
  const path = relative(SRC, file).split(sep);
  return path.length > 1 ? path[0] : '';
}

function resolveImport(from, specifier) {
  if (!specifier.startsWith('.')) return null;
  const base = resolve(dirname(from), specifier);
  const candidates = [base, `${base}.ts`, `${base}.tsx`, `${base}.d.ts`];
  return candidates.find((path) => existsSync(path) && statSync(path).isFile()) ?? null;
}

function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => resolveImport(file, fileName)).filter((path) => path !== null);
}

/** Every module of src with what it imports. Read once per run of ESLint. */
let graph = null;
function readGraph() {
  if (graph) return graph;
  graph = new Map();
  for (const entry of readdirSync(SRC, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (/\.tsx?$/.test(file)) graph.set(file, importsOf(file));
  }
  return graph;
}

/** The shortest chain of imports that leads from one module to another; null if there is none. */
function findChain(from, to) {
  const cameFrom = new Map([[from, null]]);
  for (const file of cameFrom.keys()) {
    if (file === to) {
      const chain = [];
      for (let step = file; step !== null; step = cameFrom.get(step)) chain.unshift(step);
      return chain;
    }
    for (const next of readGraph().get(file) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return null;
}

const imports = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      unknown: 'Add the room "{{room}}" to eslint-rooms.mjs.',
      direction: 'A module in "{{from}}" must not import from "{{to}}". See eslint-rooms.mjs.',
      cycle: 'Import cycle: {{chain}}.',
    },
  },
  create(context) {
    const file = context.filename;
    const from = roomOf(file);

    function check(source) {
      const target = typeof source?.value === 'string' ? resolveImport(file, source.value) : null;
      if (!target || relative(SRC, target).startsWith('..')) return;
      const to = roomOf(target);
      if (!(from in MAY_IMPORT)) {
        context.report({ node: source, messageId: 'unknown', data: { room: from } });
      } else if (to !== from && !MAY_IMPORT[from].includes(to)) {
        context.report({ node: source, messageId: 'direction', data: { from: from || 'src', to } });
      }
      const back = findChain(target, file);
      if (back) {
        const chain = [file, ...back].map((path) => relative(SRC, path)).join(' → ');
        context.report({ node: source, messageId: 'cycle', data: { chain } });
      }
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
    };
  },
};

export default { rules: { imports } };
