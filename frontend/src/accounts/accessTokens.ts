// Personal access tokens: the meaning of their scopes, and their lifetimes.
import type { AccessToken, PermissionInfo } from '../lib/types';

/** Only adds hashes to the responses of other operations when a plugin calls them; as a scope it has no effect. */
const NO_SCOPE = 'read_password_hash';

export function scopesOf(permissions: PermissionInfo[]): PermissionInfo[] {
  return permissions.filter((permission) => permission.operation !== NO_SCOPE);
}

/** The scope that any user's token may have. */
export const API_SCOPE: PermissionInfo = {
  operation: 'api',
  title: 'Use the API as you',
  meaning: 'Allows everything that you can do here: run plugins, read your executions, manage your account.',
  risk: 'high',
};

export const LIFETIMES: { days: number; label: string }[] = [
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 365, label: 'One year' },
];
export const USUAL_LIFETIME_DAYS = 30;

const SOON_MS = 7 * 86_400_000;

export function lifeOf(token: AccessToken, now: number): 'over' | 'ending' | 'good' {
  const left = Date.parse(token.expires_at) - now;
  if (left <= 0) return 'over';
  return left < SOON_MS ? 'ending' : 'good';
}

/** The title of a scope; its name if it is unknown. */
export function scopeTitle(scope: string, operations: PermissionInfo[]): string {
  if (scope === API_SCOPE.operation) return API_SCOPE.title;
  return operations.find((known) => known.operation === scope)?.title ?? scope;
}
