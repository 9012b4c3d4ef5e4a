import { expect, test } from 'vitest';
import { canRenderForm } from '../../src/forms/formSupport';
import type { FunctionDetail, JsonSchema } from '../../src/lib/types';
import { firstDraft, keepsDraft, parseInput } from '../../src/plugins/inputDraft';

const object = (properties: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...more,
});
const definition = (input_schema: JsonSchema | null, sensitive = false): FunctionDetail => ({
  name: 'f',
  title: 'F',
  description: '',
  access: 'user',
  max_input_bytes: 1000,
  targets: ['server'],
  input_schema,
  output_schema: null,
  sensitive,
});

test.each<[string, JsonSchema]>([
  ['an object of plain fields', object({ name: { type: 'string' }, age: { type: 'integer' } })],
  ['an object without fields', object({})],
  [
    'nested objects and lists',
    object({ tags: { type: 'array', items: { type: 'string' } }, at: object({}) }),
  ],
  ['a field that may be null', object({ age: { type: ['integer', 'null'] } })],
  ['a choice', object({ id: { oneOf: [{ type: 'string' }, { type: 'integer' }] } })],
  ['a local reference', object({ at: { $ref: '#/$defs/at' } }, { $defs: { at: { type: 'string' } } })],
])('%s can be a form', (_name, schema) => {
  expect(canRenderForm(schema)).toBe(true);
});

test.each<[string, JsonSchema | null]>([
  ['no schema', null],
  ['a schema without a type', {}],
  ['several types at the top', { type: ['object', 'string'] }],
  ['a field of any kind', object({ any: {} })],
  ['a boolean schema', object({ any: true })],
  ['a field of several types', object({ id: { type: ['string', 'integer'] } })],
  ['property patterns', object({}, { patternProperties: { '^x': { type: 'string' } } })],
  ['a remote reference', object({ at: { $ref: 'https://example.com/at.json' } })],
  ['an unknown type', object({ at: { type: 'date' } })],
])('%s is typed as JSON', (_name, schema) => {
  expect(canRenderForm(schema)).toBe(false);
});

test('the initial draft uses the form if possible', () => {
  expect(firstDraft(object({}))).toEqual({ mode: 'form', data: {}, raw: '{}' });
  expect(firstDraft(object({ any: {} })).mode).toBe('raw');
  expect(firstDraft(null)).toEqual({ mode: 'raw', data: undefined, raw: '' });
});

test('invalid JSON gives a message', () => {
  expect(parseInput('{"a": [1]}')).toEqual({ ok: true, value: { a: [1] } });
  const broken = parseInput('{"a": ');
  expect(broken.ok).toBe(false);
  expect(!broken.ok && broken.message).toMatch(/^This is not valid JSON \(.+\)\.$/);
});

test('a draft that could contain a secret is not stored', () => {
  expect(keepsDraft(definition(object({ name: { type: 'string' } })))).toBe(true);
  expect(keepsDraft(definition(object({ pw: { type: 'string', format: 'password' } })))).toBe(false);
  const inner = object({ key: { type: 'string', writeOnly: true } });
  expect(keepsDraft(definition(object({ at: inner })))).toBe(false);
  expect(keepsDraft(definition(object({}), true))).toBe(false);
});
