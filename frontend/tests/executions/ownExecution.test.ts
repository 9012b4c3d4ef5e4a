import { expect, test } from 'vitest';
import { watchForOwnExecution } from '../../src/executions/run/ownExecution';
import type { Execution, LiveEvent } from '../../src/lib/types';

const call = { slug: 'template', name: 'greet', body: '{"name":"Zoë"}', contentType: 'application/json' };
const own: Partial<Execution> = {
  plugin: 'template',
  function: 'greet',
  target: 'server',
  user: { id: 'alice', email: 'alice@example.com', name: 'Alice' },
  input_bytes: 15,
};

function event(type: 'started' | 'finished', id: string, changes: Partial<Execution> = {}): LiveEvent {
  const data = { ...own, id, ...changes } as Execution;
  return { id: `${type}-${id}`, type: `execution.${type}`, at: '2026-05-04T12:00:00Z', data };
}

test('the execution of a call is recognised by its input', () => {
  const run = watchForOwnExecution(call, 'alice');
  expect(run.id()).toBeNull();
  run.hear(event('started', 'other-plugin', { plugin: 'convert' }));
  run.hear(event('started', 'other-function', { function: 'repeat' }));
  run.hear(event('started', 'in-a-browser', { target: 'browser' }));
  run.hear(event('started', 'a-visitor', { user: null }));
  run.hear(event('started', 'other-input', { input_bytes: 14 }));
  expect(run.id()).toBeNull();
  run.hear(event('started', 'own'));
  expect(run.id()).toBe('own');
  run.hear(event('finished', 'own'));
  expect(run.id()).toBeNull();
});

test('two matching executions are ambiguous until one has ended', () => {
  const run = watchForOwnExecution(call, 'alice');
  run.hear(event('started', 'first'));
  run.hear(event('started', 'second'));
  expect(run.id()).toBeNull();
  run.hear(event('finished', 'first'));
  expect(run.id()).toBeNull();
});

test('a file is matched by its size', () => {
  const run = watchForOwnExecution({ ...call, body: new Blob(['12345']) }, 'alice');
  run.hear(event('started', 'own', { input_bytes: 5 }));
  expect(run.id()).toBe('own');
});
