// Hints for the form that the schema only implies: long text, hidden secrets, labels.
import type { UiSchema } from '@rjsf/utils';
import type { JsonSchema } from '../lib/types';
import { isSecret } from './formSupport';
import { labelFor } from './labels';

/** Text that may be longer than this gets a text area. */
const LONG_TEXT = 200;

export function buildUiSchema(schema: JsonSchema): UiSchema {
  if (schema.type === 'string' && !schema.enum) {
    if (isSecret(schema)) return { 'ui:widget': 'password' };
    if (!schema.format && (isLong(schema) || hasLines(schema))) return { 'ui:widget': 'textarea' };
  }
  const result: UiSchema = {};
  for (const [name, child] of Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)) {
    const inner = buildUiSchema(child);
    // A $ref may point to a schema with its own title.
    if (child.title === undefined && child.$ref === undefined) inner['ui:title'] = labelFor(name);
    if (Object.keys(inner).length > 0) result[name] = inner;
  }
  if (typeof schema.items === 'object' && schema.items !== null && !Array.isArray(schema.items)) {
    const inner = buildUiSchema(schema.items as JsonSchema);
    if (Object.keys(inner).length > 0) result.items = inner;
  }
  return result;
}

function isLong({ maxLength }: JsonSchema): boolean {
  return typeof maxLength === 'number' && maxLength > LONG_TEXT;
}

/** A single-line field would drop pasted line breaks. */
function hasLines({ examples, default: usual }: JsonSchema): boolean {
  const values: unknown[] = Array.isArray(examples) ? [...examples, usual] : [usual];
  return values.some((value) => typeof value === 'string' && value.includes('\n'));
}
