// The shapes of the REST API and of the live events, as the front end uses them. The REST ones are made from
// the server's own OpenAPI document, so that a server that answers otherwise fails the type check here.
import type { components } from '../generated/public';

type Schemas = components['schemas'];
/** Fields that a request may leave out are always there in an answer. */
type Answer<Name extends keyof Schemas> = Required<Schemas[Name]>;

export type User = Schemas['PublicUser'];
/** One's own. */
export type Account = Schemas['Account'];
/** A log-in of one's own. */
export type Session = Answer<'Session'>;
export type SessionAnswer = Schemas['WhoAmI'];

export type Access = Schemas['AccessEnum'];
export type Target = Schemas['TargetsEnum'];
export type Risk = Schemas['PermissionInfo']['risk'];
/** A plugin that nobody consented to yet waits. */
export type PluginState = Schemas['PluginSummary']['state'];
export type JsonSchema = Record<string, unknown>;

export type FunctionSummary = Schemas['FunctionSummary'];

export interface FunctionDetail extends Omit<Schemas['Function'], 'input_schema' | 'output_schema'> {
  input_schema: JsonSchema | null;
  output_schema: JsonSchema | null;
}

export type PluginSummary = Answer<'PluginSummary'>;

/** Something a plugin or a token may be allowed to do, in words for the person who decides. */
export type PermissionInfo = Schemas['PermissionInfo'];
export type Permission = Schemas['Permission'];
export type PendingPermission = Schemas['PendingPermission'];
/** An address outside that a plugin asks for. */
export type NetworkRule = Schemas['NetworkRule'];
export type PendingNetworkRule = Schemas['PendingNetworkRule'];
/** Exactly what a plugin is to hold. */
export interface Grants {
  grants: string[];
  network_grants: Schemas['NetworkGrant'][];
}
/** A release that waits for consent. */
export type PendingRelease = Schemas['Pending'];

export interface PluginDetail extends Omit<Answer<'PluginDetail'>, 'functions'> {
  functions: FunctionDetail[];
}

export type Release = Schemas['Release'];

/** A bundle that was installed, with what the upload gate found in it. */
export interface Installed extends Omit<Schemas['Installed'], 'plugin'> {
  plugin: PluginDetail;
}
export type UploadReport = Schemas['Report'];
/** How much went with a plugin. */
export type Removed = Schemas['Removed'];

/** The server itself, as administrators see it. */
export type ServerStatus = Schemas['Server'];
export type SandboxLayer = Schemas['Layer'];

export interface Page<Item> {
  count?: number;
  next?: string | null;
  previous?: string | null;
  results: Item[];
}

/** A problem may have further members, such as the backtrace of a trap. */
export type Problem = Schemas['Problem'] & Record<string, unknown>;
export type BrowserRun = Schemas['BrowserRun'];
export type RunReport = Schemas['FinishRun'];

export type Execution = Schemas['Execution'];
export type ExecutionState = Execution['state'];
export type HostCall = Answer<'HostCall'>;
export type LogLine = Schemas['LogLine'];
/** An input or output that the history kept. */
export type RecordedData = Schemas['Kept'];

export interface ExecutionDetail extends Omit<Schemas['ExecutionDetail'], 'problem' | 'host_calls'> {
  problem: Problem | null;
  host_calls: HostCall[];
}

export interface AccessToken extends Omit<Answer<'APIToken'>, 'scopes'> {
  scopes: string[];
}

export interface NewAccessToken extends AccessToken {
  token: Schemas['NewAPIToken']['token'];
}

export type NotificationLevel = 'info' | 'success' | 'warning' | 'error';

export interface Notification {
  title: string;
  body: string;
  level: NotificationLevel;
  plugin: string;
}

interface EventOf<Type extends string, Data> {
  id: string;
  type: Type;
  at: string;
  data: Data;
}

export type NotificationEvent = EventOf<'notification', Notification>;

export type LiveEvent =
  | EventOf<'execution.started' | 'execution.finished', Execution>
  | EventOf<'session.created' | 'session.ended', { id: string; user_id: string }>
  | EventOf<'plugin.changed', { slug: string; state: PluginState; version: string | null }>
  | EventOf<'plugin.removed', { slug: string }>
  | EventOf<'plugin.paused' | 'plugin.resumed', { slug: string; reason: string }>
  | EventOf<'feed.ready' | 'feed.gap', Record<string, never>>
  | NotificationEvent;
