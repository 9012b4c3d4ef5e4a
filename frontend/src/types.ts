// The shapes of the REST API and of the live events, as the front end uses them.

export interface User {
  id: string;
  email: string;
  name: string;
  email_verified: boolean;
  is_staff: boolean;
  created_at: string;
}

export interface Session {
  id: string;
  expires_at: string;
}

export interface SessionAnswer {
  user: User | null;
  session: Session | null;
}

export type Access = 'public' | 'user' | 'staff';
export type Target = 'server' | 'browser';
export type Risk = 'low' | 'medium' | 'high' | 'highest';
export type JsonSchema = Record<string, unknown>;

export interface FunctionSummary {
  name: string;
  title: string;
  access: Access;
  targets: Target[];
}

export interface FunctionDetail extends FunctionSummary {
  description: string;
  input_schema: JsonSchema | null;
  output_schema: JsonSchema | null;
  /** Input or output holds secrets: what is typed is never kept. */
  sensitive?: boolean;
}

export interface PluginSummary {
  slug: string;
  title: string;
  description: string;
  version: string;
  enabled: boolean;
  functions: FunctionSummary[];
}

export interface Permission {
  operation: string;
  title: string;
  meaning: string;
  risk: Risk;
  reason: string;
  optional: boolean;
  granted: boolean;
}

export interface PluginDetail extends Omit<PluginSummary, 'functions'> {
  license: string;
  sha256: string;
  size_bytes: number;
  installed_at: string;
  functions: FunctionDetail[];
  permissions: Permission[];
  limits: { timeout_ms: number; memory_mb: number; max_output_kb: number };
}

export interface Page<Item> {
  count?: number;
  next: string | null;
  previous: string | null;
  results: Item[];
}

export type ExecutionState =
  'queued' | 'running' | 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'crashed';

export interface Execution {
  id: string;
  plugin: string;
  function: string;
  target: Target;
  state: ExecutionState;
  user: { id: string; name: string; email: string } | null;
  problem: { title?: string; detail?: string } | null;
  input_bytes: number | null;
  output_bytes: number | null;
  timing: { queue_ms: number; start_ms: number; run_ms: number; host_ms: number } | null;
  created_at: string;
  finished_at: string | null;
}

interface EventOf<Type extends string, Data> {
  id: string;
  type: Type;
  at: string;
  data: Data;
}

export type LiveEvent =
  | EventOf<'execution.started' | 'execution.finished', Execution>
  | EventOf<'session.created' | 'session.ended', { id: string; user_id: string }>
  | EventOf<'plugin.changed', { slug: string; enabled: boolean }>;
