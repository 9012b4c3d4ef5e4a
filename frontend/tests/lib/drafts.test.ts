// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from 'vitest';
import { clearDrafts, dropDraft, loadDraft, loadFile, saveDraft, saveFile } from '../../src/lib/drafts';

const alice = { userId: 'alice', form: 'plugins/template/greet' };
const draft = { mode: 'form', data: { name: 'Ada' } };
const file = new File(['a,b'], 'a.csv');

beforeEach(() => clearDrafts());

test('a draft is loaded as it was saved, until it is dropped', () => {
  saveDraft(alice, draft);
  saveFile(alice, file);
  expect(loadDraft(alice)).toEqual(draft);
  expect(loadFile(alice)).toBe(file);
  dropDraft(alice);
  saveFile(alice, null);
  expect(loadDraft(alice)).toEqual({});
  expect(loadFile(alice)).toBeNull();
});

test('a draft belongs to one user and one form', () => {
  saveDraft(alice, draft);
  saveFile(alice, file);
  for (const draftKey of [
    { ...alice, userId: 'bob' },
    { ...alice, form: 'tokens' },
  ]) {
    expect(loadDraft(draftKey)).toEqual({});
    expect(loadFile(draftKey)).toBeNull();
  }
});

test('clearing deletes drafts and nothing else', () => {
  saveDraft(alice, draft);
  saveDraft({ ...alice, form: 'tokens' }, draft);
  saveFile(alice, file);
  sessionStorage.setItem('other', 'kept');
  clearDrafts();
  expect(loadDraft(alice)).toEqual({});
  expect(loadFile(alice)).toBeNull();
  expect(sessionStorage.length).toBe(1);
});

test.each(['{', '1', 'null', '"x"'])('damaged storage (%s) gives no draft', (damaged) => {
  saveDraft(alice, draft);
  sessionStorage.setItem('hostbridge.draft.alice/plugins/template/greet', damaged);
  expect(loadDraft(alice)).toEqual({});
});

test('full storage is not an error', () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  expect(() => saveDraft(alice, draft)).not.toThrow();
});
