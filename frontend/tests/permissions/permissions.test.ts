import { expect, test } from 'vitest';
import type { PendingNetworkRule, PendingPermission } from '../../src/lib/types';
import {
  byRisk,
  chosen,
  compareReleases,
  initialTicks,
  grantedKeys,
  keyOf,
  missing,
  nameOf,
  revoked,
  toggled,
} from '../../src/permissions/permissions';

const permission = (operation: string, changes: Partial<PendingPermission> = {}): PendingPermission => ({
  operation,
  title: operation,
  meaning: '',
  reason: '',
  risk: 'low',
  optional: false,
  granted: false,
  new: true,
  ...changes,
});
const names = (items: { operation: string }[]) => items.map((item) => item.operation);

test('permissions are sorted by risk, stably', () => {
  const sorted = byRisk([
    permission('a'),
    permission('b', { risk: 'high' }),
    permission('c', { risk: 'highest' }),
    permission('d', { risk: 'medium' }),
    permission('e', { risk: 'high' }),
  ]);
  expect(names(sorted)).toEqual(['c', 'b', 'e', 'd', 'a']);
});

test('new required permissions are preselected, optional ones are not, whatever the risk', () => {
  const ticks = initialTicks([
    permission('needed'),
    permission('needed-highest', { risk: 'highest' }),
    permission('optional', { optional: true }),
    permission('optional-highest', { optional: true, risk: 'highest' }),
  ]);
  expect([...ticks]).toEqual(['needed', 'needed-highest']);
});

test('an upgrade preselects what was granted before', () => {
  const ticks = initialTicks([
    permission('held', { new: false, granted: true }),
    permission('held-optional', { new: false, granted: true, optional: true }),
    permission('refused', { new: false, granted: false }),
    permission('fresh'),
  ]);
  expect([...ticks]).toEqual(['held', 'held-optional', 'fresh']);
});

test('compareReleases finds added, unchanged and dropped permissions', () => {
  const now = [permission('kept', { granted: true }), permission('dropped', { granted: true })];
  const { added, kept, dropped } = compareReleases(now, [
    permission('kept', { new: false, granted: true }),
    permission('added'),
  ]);
  expect([names(added), names(kept), names(dropped)]).toEqual([['added'], ['kept'], ['dropped']]);
});

test('missing and revoked permissions', () => {
  const asked = [
    permission('held', { granted: true }),
    permission('held-optional', { granted: true, optional: true }),
    permission('never'),
  ];
  expect([...grantedKeys(asked)]).toEqual(['held', 'held-optional']);
  const ticked = new Set(['held-optional']);
  expect(names(missing(asked, ticked))).toEqual(['held', 'never']);
  expect(names(revoked(asked, ticked))).toEqual(['held']);
});

test('network rules are identified by URL and methods, and selected together with operations', () => {
  const rule = (methods: string[], changes: Partial<PendingNetworkRule> = {}): PendingNetworkRule => ({
    url: 'https://a.example/',
    methods,
    reason: '',
    optional: false,
    granted: false,
    new: true,
    ...changes,
  });
  const [read, write] = [rule(['GET', 'HEAD']), rule(['GET', 'POST', 'PUT'], { optional: true })];
  expect([nameOf(read), nameOf(write)]).toEqual([
    'Send GET and HEAD requests to https://a.example/',
    'Send GET, POST and PUT requests to https://a.example/',
  ]);
  const ticks = initialTicks([permission('needed'), read, write]);
  expect([...ticks]).toEqual(['needed', keyOf(read)]);
  expect(
    chosen({ permissions: [permission('needed'), permission('other')], network: [read, write] }, ticks),
  ).toEqual({
    grants: ['needed'],
    network_grants: [{ url: 'https://a.example/', methods: ['GET', 'HEAD'] }],
  });
});

test('toggling twice restores the selection, without changing the old set', () => {
  const before = new Set(['a']);
  expect([...toggled(before, 'b')]).toEqual(['a', 'b']);
  expect([...toggled(before, 'a')]).toEqual([]);
  expect([...before]).toEqual(['a']);
});
