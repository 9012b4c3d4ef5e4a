import type { RJSFSchema } from '@rjsf/utils';
import { expect, test } from 'vitest';
import { toFormErrors } from '../../src/forms/fieldErrors';
import { labelFor } from '../../src/forms/labels';
import { buildUiSchema } from '../../src/forms/uiSchema';
import { validate, validator } from '../../src/forms/validator';

const person: RJSFSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 2, maxLength: 5 },
    age: { type: 'integer', minimum: 1, maximum: 100 },
    email: { type: 'string', format: 'email' },
    role: { enum: ['reader', 'editor'] },
    tags: { type: 'array', maxItems: 2, items: { type: 'string' } },
    at: { $ref: '#/$defs/place' },
    'a/b': { type: 'string' },
  },
  $defs: { place: { type: 'object', required: ['city'], properties: { city: { type: 'string' } } } },
};
const problems = (data: unknown) =>
  validate(person, data).map(({ path, message }) => [path.join('.'), message]);

test('valid data has no errors', () => {
  expect(
    problems({ name: 'Ada', age: 36, email: 'ada@example.com', tags: ['x'], at: { city: 'Bern' } }),
  ).toEqual([]);
});

test.each<[string, unknown, string, string]>([
  ['a missing field', {}, 'name', 'Fill in this field.'],
  ['a cleared field', { name: undefined }, 'name', 'Fill in this field.'],
  ['text that is too short', { name: 'A' }, 'name', 'Use at least 2 characters.'],
  ['text that is too long', { name: 'Augusta' }, 'name', 'Use at most 5 characters.'],
  ['a number that is too small', { name: 'Ada', age: 0 }, 'age', 'Must be 1 or more.'],
  ['a number that is too large', { name: 'Ada', age: 101 }, 'age', 'Must be 100 or less.'],
  ['a wrong type', { name: 'Ada', age: 'old' }, 'age', 'Enter a whole number.'],
  ['a bad address', { name: 'Ada', email: 'ada' }, 'email', 'This does not look like an e-mail address.'],
  ['none of the options', { name: 'Ada', role: 'king' }, 'role', 'Choose one of the options.'],
  ['too many items', { name: 'Ada', tags: ['a', 'b', 'c'] }, 'tags', 'Use at most 2 items.'],
  ['a bad item', { name: 'Ada', tags: ['a', 2] }, 'tags.1', 'Enter text.'],
  ['a missing field behind a reference', { name: 'Ada', at: {} }, 'at.city', 'Fill in this field.'],
  ['an extra property', { name: 'Ada', extra: 1 }, 'extra', 'This is not allowed here.'],
  ['a name with a slash', { name: 'Ada', 'a/b': 1 }, 'a/b', 'Enter text.'],
])('%s is told at its own place, once', (_name, data, path, message) => {
  expect(problems(data)).toEqual([[path, message]]);
});

test('a value that matches no option gets one message', () => {
  const schema: RJSFSchema = { anyOf: [{ type: 'string' }, { type: 'object', required: ['a', 'b'] }] };
  expect(validate(schema, {}).map((error) => error.message)).toEqual([
    'This does not match any of the options.',
  ]);
});

test('the form library gets errors per field', () => {
  const { errors, errorSchema } = validator.validateFormData({ name: 'Ada', at: {} }, person);
  expect(errors).toMatchObject([{ property: '.at.city', message: 'Fill in this field.' }]);
  expect(errorSchema).toEqual({ at: { city: { __errors: ['Fill in this field.'] } } });
});

test('a subschema is validated with the references of the whole schema', () => {
  const part: RJSFSchema = { $ref: '#/$defs/place' };
  expect(validator.isValid(part, { city: 'Bern' }, person)).toBe(true);
  expect(validator.isValid(part, {}, person)).toBe(false);
  expect(validator.isValid({ $ref: '#/$defs/nowhere' }, {}, person)).toBe(false);
});

test('server errors are assigned to their fields', () => {
  expect(
    toFormErrors([
      { pointer: '/at/city', detail: 'Unknown.' },
      { pointer: '/a~1b', detail: 'Odd.' },
    ]),
  ).toEqual({ at: { city: { __errors: ['Unknown.'] } }, 'a/b': { __errors: ['Odd.'] } });
  expect(toFormErrors([])).toBeUndefined();
});

test('secrets are hidden, long text gets a text area, untitled fields get a label', () => {
  expect(
    buildUiSchema({
      type: 'object',
      properties: {
        password: { type: 'string', title: 'Password', format: 'password' },
        story: { type: 'string', title: 'Story', maxLength: 5000 },
        table: { type: 'string', title: 'Table', examples: ['a,b', 'a,b\n1,2'] },
        note: { type: 'string', title: 'Note', default: 'one\ntwo' },
        name: { type: 'string', title: 'Name', examples: ['Ada'], default: '' },
        start_date: { type: 'string' },
      },
    }),
  ).toEqual({
    password: { 'ui:widget': 'password' },
    story: { 'ui:widget': 'textarea' },
    table: { 'ui:widget': 'textarea' },
    note: { 'ui:widget': 'textarea' },
    start_date: { 'ui:title': 'Start date' },
  });
  expect(labelFor('startDate')).toBe('Start date');
  expect(labelFor('_')).toBe('_');
});
