// Which JSON Schemas can be shown as a form, and which contain secrets.
import type { JsonSchema } from '../lib/types';

const FORM_TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

/** Whether the schema can be shown as a form. Otherwise the user enters JSON. */
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
    // No widget fits a field without a type.
    return known && isFormType(node.type);
  });
}

/** Whether a value of this schema must not be shown or stored. */
export function isSecret(schema: JsonSchema): boolean {
  return schema.format === 'password' || schema.writeOnly === true;
}

export function hasSecret(schema: JsonSchema | null): boolean {
  return schema !== null && !everySubschema(schema, (node) => !isSecret(node));
}

function isFormType(type: unknown): boolean {
  if (type === undefined) return true;
  if (typeof type === 'string') return FORM_TYPES.has(type);
  // A widget supports two types only if one of them is null.
  return Array.isArray(type) && type.length === 2 && type.includes('null');
}

/** Tests the schema and all subschemas. A boolean schema has no widget and fails the test. */
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
