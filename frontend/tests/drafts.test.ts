import { beforeEach, expect, test, vi } from 'vitest';
import { clearDrafts, loadDraft, saveDraft, type Draft } from '../src/drafts';

const alice = { userId: 'alice', slug: 'template', name: 'greet' };
const draft: Draft = { mode: 'form', data: { name: 'Ada' }, raw: '{}' };

beforeEach(() => sessionStorage.clear());

test('a draft comes back as it was', () => {
  saveDraft(alice, draft);
  expect(loadDraft(alice)).toEqual(draft);
});

test('a draft belongs to one user and one function', () => {
  saveDraft(alice, draft);
  expect(loadDraft({ ...alice, userId: 'bob' })).toBeNull();
  expect(loadDraft({ ...alice, name: 'repeat' })).toBeNull();
});

test('clearing forgets drafts and nothing else', () => {
  saveDraft(alice, draft);
  saveDraft({ ...alice, name: 'repeat' }, draft);
  sessionStorage.setItem('other', 'kept');
  clearDrafts();
  expect(loadDraft(alice)).toBeNull();
  expect(sessionStorage.length).toBe(1);
});

test('damaged storage gives no draft', () => {
  saveDraft(alice, draft);
  sessionStorage.setItem(sessionStorage.key(0) ?? '', '{');
  expect(loadDraft(alice)).toBeNull();
});

test('full storage does not stop typing', () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  expect(() => saveDraft(alice, draft)).not.toThrow();
});
