// What plugins ask for, as the person who decides reads it: highest risk first, required ones ticked.
import type { PendingPermission, Permission, Risk } from './types';

const ORDER: Record<Risk, number> = { highest: 0, high: 1, medium: 2, low: 3 };

/** Highest risk first; otherwise in the given order. */
export function byRisk<Item extends { risk: Risk }>(items: Item[]): Item[] {
  return [...items].sort((a, b) => ORDER[a.risk] - ORDER[b.risk]);
}

/** What is ticked before anybody chose: what the plugin holds already, and what it newly needs. */
export function firstTicks(asked: PendingPermission[]): Set<string> {
  return operations(
    asked.filter((permission) => (permission.new ? !permission.optional : permission.granted)),
  );
}

export function grantedOf(asked: Permission[]): Set<string> {
  return operations(asked.filter((permission) => permission.granted));
}

export function toggled(ticked: ReadonlySet<string>, operation: string): Set<string> {
  const next = new Set(ticked);
  if (!next.delete(operation)) next.add(operation);
  return next;
}

/** What the plugin says it cannot do without, and would not get. */
export function missing(asked: Permission[], ticked: ReadonlySet<string>): Permission[] {
  return asked.filter((permission) => !permission.optional && !ticked.has(permission.operation));
}

/** What it holds now and would no longer. */
export function revoked(asked: Permission[], ticked: ReadonlySet<string>): Permission[] {
  return asked.filter((permission) => permission.granted && !ticked.has(permission.operation));
}

export interface ReleaseDifference {
  added: PendingPermission[];
  kept: PendingPermission[];
  dropped: Permission[];
}

/** What a release asks for, beside the one that serves now. */
export function compareReleases(now: Permission[], pending: PendingPermission[]): ReleaseDifference {
  const asked = operations(pending);
  return {
    added: pending.filter((permission) => permission.new),
    kept: pending.filter((permission) => !permission.new),
    dropped: now.filter((permission) => !asked.has(permission.operation)),
  };
}

function operations(permissions: Permission[]): Set<string> {
  return new Set(permissions.map((permission) => permission.operation));
}
