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
// What the server says of a secret that is set is null.
const used = { settings: { place: 'Rome', api_key: null }, settings_schema };

test('what holds is told: what was set, or the default, and of secrets only whether', () => {
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

test('a secret is typed unseen, and asked for only while it is not set', () => {
  const first = formSchema(fresh) as typeof settings_schema;
  expect(first.required).toEqual(['api_key']);
  expect(first.properties.api_key).toMatchObject({ writeOnly: true, description: 'From your account.' });
  const later = formSchema(used) as typeof settings_schema;
  expect(later.required).toEqual([]);
  expect(later.properties.api_key.description).toContain('Leave this empty to keep it');
  expect(formData(used)).toEqual({ place: 'Rome' });
});

test('a default that nobody set is not sent, and what was set is', () => {
  expect(toSend(fresh, { place: 'Paris', api_key: 'k', retries: 2 })).toEqual({ api_key: 'k', retries: 2 });
  expect(toSend(fresh, { place: 'Oslo' })).toEqual({ place: 'Oslo' });
  expect(toSend(used, { place: 'Paris' })).toEqual({ place: 'Paris' });
});

test('values are written as people read them', () => {
  expect([true, false, 3, 'Rome', ['a']].map(settingText)).toEqual(['Yes', 'No', '3', 'Rome', '["a"]']);
});
