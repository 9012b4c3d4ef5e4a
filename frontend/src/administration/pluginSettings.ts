// A plugin's settings: what is shown of them, what its form asks for, and what of that is sent.
import { labelFor } from '../forms/labels';
import type { JsonSchema, PluginDetail } from '../lib/types';

export interface Setting {
  name: string;
  title: string;
  schema: JsonSchema;
  /** Never read back: only whether it is set is known. */
  isSecret: boolean;
  isSet: boolean;
  /** What holds: what was set, or else the default. Undefined where there is neither, and for secrets. */
  value: unknown;
}

type Of = Pick<PluginDetail, 'settings' | 'settings_schema'>;

/** Whether there are settings that this user may see and change. */
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

/** The schema of the form: secrets are typed unseen, and one that is set may be left empty. */
export function formSchema(plugin: Of): JsonSchema {
  const schema = schemaOf(plugin);
  const required = Array.isArray(schema.required) ? (schema.required as unknown[]) : [];
  const settings = settingsOf(plugin);
  const kept = new Set(settings.filter(({ isSecret, isSet }) => isSecret && isSet).map(({ name }) => name));
  const properties = settings.map(({ name, schema: property, isSecret }) => {
    if (!isSecret) return [name, property];
    const note = kept.has(name) ? 'It is set. Leave this empty to keep it as it is.' : '';
    const description = [property.description, note].filter(Boolean).join(' ');
    return [name, { ...property, writeOnly: true, description }];
  });
  return {
    ...schema,
    // The section has them already.
    title: undefined,
    description: undefined,
    properties: Object.fromEntries(properties) as JsonSchema,
    required: required.filter((name) => !kept.has(String(name))),
  };
}

/** What the form begins with. */
export function formData(plugin: Of): Record<string, unknown> {
  return Object.fromEntries(
    settingsOf(plugin)
      .filter(({ isSecret, isSet }) => isSet && !isSecret)
      .map(({ name, value }) => [name, value]),
  );
}

/** What is sent: a default that nobody set stays one, and so follows the plugin's next release. */
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
