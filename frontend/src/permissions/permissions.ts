// What plugins ask for, as the person who decides reads it: highest risk first, required ones ticked.
import type {
  Grants,
  NetworkRule,
  PendingNetworkRule,
  PendingPermission,
  Permission,
  Risk,
} from '../lib/types';

/** Something to tick: a permission, or an address outside. */
export type Requested = Permission | NetworkRule;
export type PendingRequested = PendingPermission | PendingNetworkRule;

const ORDER: Record<Risk, number> = { highest: 0, high: 1, medium: 2, low: 3 };

/** Highest risk first; otherwise in the given order. */
export function byRisk<Item extends { risk: Risk }>(items: Item[]): Item[] {
  return [...items].sort((a, b) => ORDER[a.risk] - ORDER[b.risk]);
}

/** What is ticked under. No operation has a space in its name, so the two kinds share one set. */
export function keyOf(asked: Requested): string {
  return 'operation' in asked ? asked.operation : `${asked.methods.join(' ')} ${asked.url}`;
}

export function nameOf(asked: Requested): string {
  return 'operation' in asked ? asked.title : `Send ${listed(asked.methods)} to ${asked.url}`;
}

/** What is ticked before anybody chose: what the plugin holds already, and what it newly needs. */
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

/** What the plugin says it cannot do without, and would not get. */
export function missing<Item extends Requested>(asked: Item[], ticked: ReadonlySet<string>): Item[] {
  return asked.filter((one) => !one.optional && !ticked.has(keyOf(one)));
}

/** What it holds now and would no longer. */
export function revoked<Item extends Requested>(asked: Item[], ticked: ReadonlySet<string>): Item[] {
  return asked.filter((one) => one.granted && !ticked.has(keyOf(one)));
}

/** What is ticked, as the server wants to hear it. */
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

/** What a release asks for, beside the one that serves now. */
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
