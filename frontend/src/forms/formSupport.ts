// Which JSON Schemas can be shown as a form, and which contain secrets.
import type { JsonSchema } from '../lib/types';

const FORM_TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

/** Whether a form can stand for the schema; otherwise its JSON is typed. */
export function canRenderForm(schema: JsonSchema | null): schema is JsonSchema {
  if (!schema || typeof schema.type !== 'string' || !FORM_TYPES.has(schema.type)) return false;
  return everySubschema(schema, (node) => {
    if (typeof node.$ref === 'string') return node.$ref.startsWith('#');
    if ('$dynamicRef' in node || 'patternProperties' in node || 'unevaluatedProperties' in node) return false;
    const known =
      'type' in node ||
      'enum' in node ||
      'const' in node ||
      'oneOf' in node ||
      'anyOf' in node ||
      'allOf' in node;
    // A field without any type could be anything: no widget fits it.
    return known && isFormType(node.type);
  });
}

/** Whether a value for this schema is one that must not be shown or kept. */
export function isSecret(schema: JsonSchema): boolean {
  return schema.format === 'password' || schema.writeOnly === true;
}

export function hasSecret(schema: JsonSchema | null): boolean {
  return schema !== null && !everySubschema(schema, (node) => !isSecret(node));
}

function isFormType(type: unknown): boolean {
  if (type === undefined) return true;
  if (typeof type === 'string') return FORM_TYPES.has(type);
  // Several types fit one widget only when the other one is null.
  return Array.isArray(type) && type.length === 2 && type.includes('null');
}

/** Tests the schema and all schemas of values inside it. A boolean schema has no widget and counts as not passing. */
function everySubschema(schema: JsonSchema, test: (node: JsonSchema) => boolean): boolean {
  const children = [
    ...Object.values(asRecord(schema.properties)),
    ...Object.values(asRecord(schema.$defs)),
    ...Object.values(asRecord(schema.definitions)),
    ...(['oneOf', 'anyOf', 'allOf'] as const).flatMap((key) =>
      Array.isArray(schema[key]) ? schema[key] : [],
    ),
    ...(schema.items === undefined ? [] : [schema.items]),
  ];
  return test(schema) && children.every((child) => isRecord(child) && everySubschema(child, test));
}

function asRecord(value: unknown): JsonSchema {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
