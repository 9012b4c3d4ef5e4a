// A plugin's settings: the values to show, the schema of the form, and the values to send.
import { labelFor } from '../forms/labels';
import type { JsonSchema, PluginDetail } from '../lib/types';

export interface Setting {
  name: string;
  title: string;
  schema: JsonSchema;
  /** Write-only: the server never returns its value. */
  isSecret: boolean;
  isSet: boolean;
  /** The value in effect: the one that was set, or the default. Undefined if there is none, and for secrets. */
  value: unknown;
}

type Of = Pick<PluginDetail, 'settings' | 'settings_schema'>;

/** Whether the plugin has settings that this user may see and change. */
export function hasSettings({ settings, settings_schema }: PluginDetail): boolean {
  const { properties = {} } = (settings_schema ?? {}) as { properties?: JsonSchema };
  return settings !== null && Object.keys(properties).length > 0;
}

/** In the order of the schema. */
export function settingsOf(plugin: Of): Setting[] {
  const set = plugin.settings ?? {};
  return Object.entries(propertiesOf(plugin)).map(([name, schema]) => {
    const isSecret = schema.secret === true;
    const isSet = name in set;
    return {
      name,
      title: typeof schema.title === 'string' ? schema.title : labelFor(name),
      schema,
      isSecret,
      isSet,
      value: isSecret ? undefined : isSet ? set[name] : schema.default,
    };
  });
}

/** The schema of the form: secrets are password fields, and a secret that is already set may be left empty. */
export function formSchema(plugin: Of): JsonSchema {
  const schema = schemaOf(plugin);
  const required = Array.isArray(schema.required) ? (schema.required as unknown[]) : [];
  const settings = settingsOf(plugin);
  const stored = new Set(settings.filter(({ isSecret, isSet }) => isSecret && isSet).map(({ name }) => name));
  const properties = settings.map(({ name, schema: property, isSecret }) => {
    if (!isSecret) return [name, property];
    const note = stored.has(name) ? 'A value is set. Leave this empty to keep it.' : '';
    const description = [property.description, note].filter(Boolean).join(' ');
    return [name, { ...property, writeOnly: true, description }];
  });
  return {
    ...schema,
    // Shown by the section around the form.
    title: undefined,
    description: undefined,
    properties: Object.fromEntries(properties) as JsonSchema,
    required: required.filter((name) => !stored.has(String(name))),
  };
}

/** The form's initial values. */
export function formData(plugin: Of): Record<string, unknown> {
  return Object.fromEntries(
    settingsOf(plugin)
      .filter(({ isSecret, isSet }) => isSet && !isSecret)
      .map(({ name, value }) => [name, value]),
  );
}

/** The values to send. An unchanged default is left out, so that it follows the next release's default. */
export function toSend(plugin: Of, data: Record<string, unknown>): Record<string, unknown> {
  const untouched = new Set(
    settingsOf(plugin)
      .filter(({ name, isSet, schema }) => !isSet && same(data[name], schema.default))
      .map(({ name }) => name),
  );
  return Object.fromEntries(Object.entries(data).filter(([name]) => !untouched.has(name)));
}

export function settingText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  return JSON.stringify(value);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function schemaOf(plugin: Of): JsonSchema {
  return (plugin.settings_schema ?? {}) as JsonSchema;
}

function propertiesOf(plugin: Of): Record<string, JsonSchema> {
  return (schemaOf(plugin).properties ?? {}) as Record<string, JsonSchema>;
}
