// The types of the REST API and of the live events, as the front end uses them. Those of the REST API are generated from
// the server's OpenAPI document, so that a change of the API fails the type check here.
import type { components } from '../generated/public';

type Schemas = components['schemas'];
/** Fields that are optional in a request are always present in a response. */
type Response<Name extends keyof Schemas> = Required<Schemas[Name]>;

export type User = Schemas['PublicUser'];
/** The user's own account. */
export type Account = Schemas['Account'];
/** One of the user's own sessions. */
export type Session = Response<'Session'>;
export type SessionResponse = Schemas['WhoAmI'];

export type Access = Schemas['AccessEnum'];
export type Target = Schemas['TargetsEnum'];
export type Risk = Schemas['PermissionInfo']['risk'];
/** `waiting`: nobody has consented to the plugin yet. */
export type PluginState = Schemas['PluginSummary']['state'];
export type JsonSchema = Record<string, unknown>;

export type FunctionSummary = Schemas['FunctionSummary'];

export interface FunctionDetail extends Omit<Schemas['Function'], 'input_schema' | 'output_schema'> {
  input_schema: JsonSchema | null;
  output_schema: JsonSchema | null;
}

export type PluginSummary = Response<'PluginSummary'>;

/** A permission for a plugin or a token, with its explanation. */
export type PermissionInfo = Schemas['PermissionInfo'];
export type Permission = Schemas['Permission'];
export type PendingPermission = Schemas['PendingPermission'];
/** An outside address that a plugin asks for. */
export type NetworkRule = Schemas['NetworkRule'];
export type PendingNetworkRule = Schemas['PendingNetworkRule'];
/** All grants of a plugin. */
export interface Grants {
  grants: string[];
  network_grants: Schemas['NetworkGrant'][];
}
/** A release that is awaiting consent. */
export type PendingRelease = Schemas['Pending'];

export interface PluginDetail extends Omit<Response<'PluginDetail'>, 'functions'> {
  functions: FunctionDetail[];
}

export type Release = Schemas['Release'];

/** An installed bundle, with the report of the upload checks. */
export interface Installed extends Omit<Schemas['Installed'], 'plugin'> {
  plugin: PluginDetail;
}
export type UploadReport = Schemas['Report'];
/** How much was removed with a plugin. */
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

/** A problem may have more members, such as the backtrace of a trap. */
export type Problem = Schemas['Problem'] & Record<string, unknown>;
export type BrowserRun = Schemas['BrowserRun'];
export type RunReport = Schemas['FinishRun'];

export type Execution = Schemas['Execution'];
export type ExecutionState = Execution['state'];
export type HostCall = Response<'HostCall'>;
export type LogLine = Schemas['LogLine'];
/** A recorded input or output. */
export type RecordedData = Schemas['Kept'];

export interface ExecutionDetail extends Omit<Schemas['ExecutionDetail'], 'problem' | 'host_calls'> {
  problem: Problem | null;
  host_calls: HostCall[];
}

export interface AccessToken extends Omit<Response<'APIToken'>, 'scopes'> {
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
