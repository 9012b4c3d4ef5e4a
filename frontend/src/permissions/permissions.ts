// Permissions and network rules that a plugin asks for, and the user's selection among them.
import type {
  Grants,
  NetworkRule,
  PendingNetworkRule,
  PendingPermission,
  Permission,
  Risk,
} from '../lib/types';

/** A permission or a network rule. */
export type Requested = Permission | NetworkRule;
export type PendingRequested = PendingPermission | PendingNetworkRule;

const ORDER: Record<Risk, number> = { highest: 0, high: 1, medium: 2, low: 3 };

/** Highest risk first, otherwise in the given order. */
export function byRisk<Item extends { risk: Risk }>(items: Item[]): Item[] {
  return [...items].sort((a, b) => ORDER[a.risk] - ORDER[b.risk]);
}

/** The key of a request in a selection. No operation name contains a space, so the two kinds cannot collide. */
export function keyOf(asked: Requested): string {
  return 'operation' in asked ? asked.operation : `${asked.methods.join(' ')} ${asked.url}`;
}

export function nameOf(asked: Requested): string {
  return 'operation' in asked ? asked.title : `Send ${listed(asked.methods)} requests to ${asked.url}`;
}

/** The initial selection: what the plugin was granted already, and what it newly requires. */
export function initialTicks(asked: PendingRequested[]): Set<string> {
  return keys(asked.filter((one) => (one.new ? !one.optional : one.granted)));
}

export function grantedKeys(asked: Requested[]): Set<string> {
  return keys(asked.filter((one) => one.granted));
}

export function toggled(ticked: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(ticked);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** Required but not selected. */
export function missing<Item extends Requested>(asked: Item[], ticked: ReadonlySet<string>): Item[] {
  return asked.filter((one) => !one.optional && !ticked.has(keyOf(one)));
}

/** Granted now but no longer selected. */
export function revoked<Item extends Requested>(asked: Item[], ticked: ReadonlySet<string>): Item[] {
  return asked.filter((one) => one.granted && !ticked.has(keyOf(one)));
}

/** The selection in the form of the API. */
export function chosen(
  { permissions, network }: { permissions: Permission[]; network: NetworkRule[] },
  ticked: ReadonlySet<string>,
): Grants {
  return {
    grants: permissions.map(keyOf).filter((key) => ticked.has(key)),
    network_grants: network
      .filter((rule) => ticked.has(keyOf(rule)))
      .map(({ url, methods }) => ({ url, methods })),
  };
}

export interface ReleaseDifference<Now extends Requested, Pending extends Requested> {
  added: Pending[];
  kept: Pending[];
  dropped: Now[];
}

/** Compares what a release asks for with the active one. */
export function compareReleases<Now extends Requested, Pending extends PendingRequested>(
  now: Now[],
  pending: Pending[],
): ReleaseDifference<Now, Pending> {
  const asked = keys(pending);
  return {
    added: pending.filter((one) => one.new),
    kept: pending.filter((one) => !one.new),
    dropped: now.filter((one) => !asked.has(keyOf(one))),
  };
}

function keys(asked: Requested[]): Set<string> {
  return new Set(asked.map(keyOf));
}

function listed(methods: string[]): string {
  return methods.length > 1 ? `${methods.slice(0, -1).join(', ')} and ${methods.at(-1)}` : methods.join();
}
