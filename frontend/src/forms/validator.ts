// A validator for rjsf, based on @cfworker/json-schema. The usual ones compile schemas with eval, which our CSP forbids.
import { Validator, type OutputUnit, type Schema } from '@cfworker/json-schema';
import {
  ErrorSchemaBuilder,
  type CustomValidator,
  type ErrorTransformer,
  type RJSFSchema,
  type RJSFValidationError,
  type UiSchema,
  type ValidationData,
  type ValidatorType,
} from '@rjsf/utils';

/** Keywords whose message only says that something inside them failed. */
const WRAPPERS = new Set([
  '$ref',
  'allOf',
  'additionalItems',
  'additionalProperties',
  'dependentSchemas',
  'if',
  'items',
  'patternProperties',
  'prefixItems',
  'properties',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
]);

export interface InputError {
  path: string[];
  keyword: string;
  message: string;
}

/** All errors in `data`, each with the innermost path that it applies to. */
export function validate(schema: RJSFSchema, data: unknown): InputError[] {
  // The form clears a field by setting it to undefined, which JSON does not have.
  const plain: unknown = data === undefined ? undefined : JSON.parse(JSON.stringify(data));
  if (plain === undefined) return [{ path: [], keyword: 'type', message: 'Fill in this field.' }];
  const { errors } = new Validator(schema as Schema, '2020-12', false).validate(plain);
  const seen = new Set<string>();
  return errors
    .filter((unit) => !WRAPPERS.has(unit.keyword) && !isUnderChoice(unit, errors))
    .map((unit) => describe(unit, schema))
    .filter((error) => {
      const key = `${error.path.join('/')} ${error.message}`;
      return !seen.has(key) && Boolean(seen.add(key));
    });
}

export const validator: ValidatorType = {
  validateFormData(
    data: unknown,
    schema: RJSFSchema,
    _customValidate?: CustomValidator,
    transformErrors?: ErrorTransformer,
    uiSchema?: UiSchema,
  ): ValidationData<unknown> {
    const found = validate(schema, data);
    const builder = new ErrorSchemaBuilder();
    for (const { path, message } of found) builder.addErrors(message, path);
    const errors = found.map(toFormError);
    return {
      errors: transformErrors ? transformErrors(errors, uiSchema) : errors,
      errorSchema: builder.ErrorSchema,
    };
  },
  isValid(schema: RJSFSchema, data: unknown, rootSchema: RJSFSchema) {
    try {
      const { $defs, definitions } = rootSchema;
      return (
        validate({ ...(definitions && { definitions }), ...($defs && { $defs }), ...schema }, data).length ===
        0
      );
    } catch {
      // A schema that cannot be resolved matches nothing.
      return false;
    }
  },
  rawValidation(schema: RJSFSchema, data?: unknown) {
    return { errors: validate(schema, data) as never[] };
  },
};

/** Errors inside one branch of a choice say little if the value matches no branch. */
function isUnderChoice(unit: OutputUnit, all: OutputUnit[]): boolean {
  return all.some(
    (choice) =>
      (choice.keyword === 'anyOf' || choice.keyword === 'oneOf') &&
      unit.instanceLocation === choice.instanceLocation &&
      unit.keywordLocation.startsWith(`${choice.keywordLocation}/`),
  );
}

function describe(unit: OutputUnit, schema: RJSFSchema): InputError {
  const path = pointerParts(unit.instanceLocation);
  const limit = pointerParts(unit.keywordLocation).reduce<unknown>(
    (node, part) =>
      typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[part] : undefined,
    schema,
  );
  const missing =
    unit.keyword === 'required' ? /required property "(.*)"\.$/.exec(unit.error)?.[1] : undefined;
  if (missing !== undefined) path.push(missing);
  return { path, keyword: unit.keyword, message: messageFor(unit, limit) };
}

function messageFor({ keyword, error }: OutputUnit, limit: unknown): string {
  const count = Number(limit);
  switch (keyword) {
    case 'required':
      return 'Fill in this field.';
    case 'minLength':
      return count === 1 ? 'Fill in this field.' : `Use at least ${count} characters.`;
    case 'maxLength':
      return `Use at most ${count} characters.`;
    case 'minimum':
      return `Must be ${count} or more.`;
    case 'maximum':
      return `Must be ${count} or less.`;
    case 'exclusiveMinimum':
      return `Must be more than ${count}.`;
    case 'exclusiveMaximum':
      return `Must be less than ${count}.`;
    case 'multipleOf':
      return `Must be a multiple of ${count}.`;
    case 'minItems':
      return count === 1 ? 'Add at least one item.' : `Add at least ${count} items.`;
    case 'maxItems':
      return `Use at most ${count} items.`;
    case 'uniqueItems':
      return 'Items must be unique.';
    case 'enum':
      return 'Choose one of the options.';
    case 'pattern':
      return 'This does not match the expected format.';
    case 'format':
      return FORMATS[String(limit)] ?? `This is not a valid ${String(limit)}.`;
    case 'type':
      return TYPES[String(limit)] ?? 'This has the wrong type.';
    case 'false':
      return 'This is not allowed here.';
    case 'oneOf':
    case 'anyOf':
      return 'This does not match any of the options.';
    default:
      return error;
  }
}

const FORMATS: Record<string, string> = {
  email: 'This does not look like an e-mail address.',
  uri: 'Enter a full address, such as https://example.com/.',
  date: 'Enter a date.',
  'date-time': 'Enter a date and time.',
  uuid: 'This is not a valid UUID.',
};

const TYPES: Record<string, string> = {
  string: 'Enter text.',
  number: 'Enter a number.',
  integer: 'Enter a whole number.',
  boolean: 'Choose yes or no.',
};

function toFormError({ path, keyword, message }: InputError): RJSFValidationError {
  return {
    name: keyword,
    property: `.${path.join('.')}`,
    message,
    stack: `${path.join('.')} ${message}`.trim(),
  };
}

function pointerParts(location: string): string[] {
  return location
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}
