import { expect, test } from 'vitest';
import {
  formData,
  formSchema,
  settingsOf,
  settingText,
  toSend,
} from '../../src/administration/pluginSettings';

const settings_schema = {
  type: 'object',
  title: 'Weather',
  properties: {
    place: { type: 'string', title: 'Place', default: 'Paris' },
    api_key: { type: 'string', description: 'From your account.', secret: true },
    retries: { type: 'integer' },
  },
  required: ['api_key'],
  additionalProperties: false,
};
const fresh = { settings: {}, settings_schema };
// The server returns null for a secret that is set.
const used = { settings: { place: 'Rome', api_key: null }, settings_schema };

test('settings show the value, or the default, and of secrets only whether they are set', () => {
  expect(settingsOf(fresh).map(({ title, isSet, value }) => [title, isSet, value])).toEqual([
    ['Place', false, 'Paris'],
    ['Api key', false, undefined],
    ['Retries', false, undefined],
  ]);
  expect(settingsOf(used).map(({ title, isSet, value }) => [title, isSet, value])).toEqual([
    ['Place', true, 'Rome'],
    ['Api key', true, undefined],
    ['Retries', false, undefined],
  ]);
});

test('a secret is a password field, required only if it is not set', () => {
  const first = formSchema(fresh) as typeof settings_schema;
  expect(first.required).toEqual(['api_key']);
  expect(first.properties.api_key).toMatchObject({ writeOnly: true, description: 'From your account.' });
  const later = formSchema(used) as typeof settings_schema;
  expect(later.required).toEqual([]);
  expect(later.properties.api_key.description).toContain('Leave this empty to keep it');
  expect(formData(used)).toEqual({ place: 'Rome' });
});

test('unchanged defaults are not sent', () => {
  expect(toSend(fresh, { place: 'Paris', api_key: 'k', retries: 2 })).toEqual({ api_key: 'k', retries: 2 });
  expect(toSend(fresh, { place: 'Oslo' })).toEqual({ place: 'Oslo' });
  expect(toSend(used, { place: 'Paris' })).toEqual({ place: 'Paris' });
});

test('setting values as text', () => {
  expect([true, false, 3, 'Rome', ['a']].map(settingText)).toEqual(['Yes', 'No', '3', 'Rome', '["a"]']);
});
