import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { MemoryRouter } from 'react-router';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { App } from '../../src/app/App';
import { SessionProvider } from '../../src/hooks/useSession';
import type {
  Execution,
  FunctionDetail,
  LiveEvent,
  PendingPermission,
  PluginDetail,
} from '../../src/lib/types';

const asks = (operation: string, title: string, changes: Partial<PendingPermission> = {}) => ({
  operation,
  title,
  meaning: 'What it means.',
  reason: 'what for',
  risk: 'low' as const,
  optional: false,
  granted: false,
  new: true,
  ...changes,
});
const store = asks('kv_set', 'Write its store');
const wipe = asks('db_delete_user', 'Delete accounts', { risk: 'highest', optional: true });
const weather = {
  url: 'https://api.example.com/',
  methods: ['GET', 'POST'],
  reason: 'the weather',
  optional: false,
  granted: false,
  new: true,
};
const radar = { ...weather, url: 'http://radar.example/', methods: ['GET'], optional: true };
const template: PluginDetail = {
  slug: 'template',
  title: 'Template',
  description: 'A start.',
  version: '1.0.0',
  enabled: true,
  state: 'enabled',
  license: 'MIT',
  sha256: 'ab'.repeat(32),
  size_bytes: 10,
  installed_at: '2026-05-04T12:00:00Z',
  functions: [],
  pending_version: null,
  network: [],
  permissions: [
    { ...store, granted: true },
    { ...wipe, granted: true },
  ],
  limits: {
    timeout_ms: 1000,
    memory_mb: 64,
    fuel: 0,
    max_input_kb: 100,
    max_output_kb: 100,
    max_host_calls: 10,
    max_bridge_kb: 100,
    concurrency: 0,
  },
  paused: '',
  removable: true,
  active_version: '1.0.0',
  pending: null,
  watching: false,
  can_manage: true,
  settings: {},
  settings_schema: {},
  missing_settings: [],
};
const waiting: PluginDetail = {
  ...template,
  state: 'waiting',
  active_version: null,
  permissions: [store, wipe],
  pending: { version: '1.0.0', permissions: [store, wipe], network: [], widens: [] },
};
const release = (version: string, state: string, day: number) => ({
  version,
  state,
  sha256: 'ab'.repeat(32),
  size_bytes: 10,
  created_at: `2026-05-0${day}T12:00:00Z`,
});
const execution = {
  id: '5a4ed643-e326-4223-926a-7049b8457ecb',
  plugin: 'template',
  function: 'greet',
  target: 'server',
  state: 'failed',
  user: null,
  problem: {
    type: 'urn:hostbridge:problem:plugin-trapped',
    title: 'The plugin crashed',
    status: 502,
    detail: 'It stopped itself.',
    backtrace: '0: template.wasm!greet',
  },
  input_bytes: 1,
  output_bytes: 0,
  timing: { queue_ms: 1, start_ms: 2, run_ms: 3, host_ms: 4 },
  created_at: '2026-05-04T12:00:00Z',
  finished_at: '2026-05-04T12:00:01Z',
};
const hostCall = {
  operation: 'kv_set',
  subject: 'format',
  status: 403,
  duration_ms: 0.4,
  at: '2026-05-04T12:00:00Z',
};

/** A fake server: its responses, and the changes that it received. */
let server: {
  isStaff: boolean;
  plugin: PluginDetail;
  calls: (typeof hostCall)[];
  changes: [method: string, path: string, body: unknown][];
};
let socket: { onmessage?: (message: { data: string }) => void };

async function answer(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const path = String(input).replace('/api/v1', '').replace(/\?.*/, '');
  const method = init.method ?? 'GET';
  const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
  if (method !== 'GET') {
    const body = init.body ? JSON.parse(String(init.body)) : null;
    server.changes.push([method, path, body]);
    if (method === 'DELETE' && path === '/plugins/template') {
      return json({ releases: 2, executions: 1, stored_values: 0 });
    }
    if (path.endsWith('/replay')) {
      return new Response('', { headers: { 'Execution-Id': 'the-new-one' } });
    }
    if (path === '/tokens') return json({ ...body, id: 't1', plugin: '', token: 'hba_secret' }, 201);
    if (method !== 'POST' && method !== 'PATCH') return new Response(null, { status: 204 });
    if (path.endsWith('/activate')) server.plugin = { ...template, version: path.split('/')[4] ?? '' };
    else server.plugin = { ...server.plugin, state: body.enabled === false ? 'disabled' : 'enabled' };
    return json(server.plugin);
  }
  const answers: Record<string, unknown> = {
    '/setup': { needed: false },
    '/auth/session': {
      user: { id: 'u', email: 'u@example.com', name: 'U', is_staff: server.isStaff, created_at: '' },
      session: null,
    },
    '/executions': { next: null, results: [execution] },
    [`/executions/${execution.id}`]: {
      ...execution,
      host_call_count: server.calls.length,
      host_calls: server.calls,
      input: { encoding: 'text', content: '"x"' },
      output: null,
      logs: [{ level: 'warn', text: 'It was close.' }],
    },
    '/plugins': { count: 1, next: null, results: [server.plugin] },
    '/plugins/template': server.plugin,
    '/plugins/template/releases': [release('1.0.0', 'active', 4), release('0.9.0', 'previous', 1)],
    '/permissions': [store],
    '/tokens': { count: 0, next: null, results: [] },
  };
  return path in answers ? json(answers[path]) : json({ title: 'Not found', status: 404 }, 404);
}

function open(path: string) {
  return render(
    <MemoryRouter initialEntries={[path]}>
      <SessionProvider>
        <App />
      </SessionProvider>
    </MemoryRouter>,
  );
}

function tell(event: Partial<LiveEvent>) {
  act(() => socket.onmessage?.({ data: JSON.stringify({ id: 'n1', at: '2026-05-04T12:00:00Z', ...event }) }));
}

const click = async (name: string | RegExp) => fireEvent.click(await screen.findByRole('button', { name }));
const checkbox = (name: string) => screen.getByRole<HTMLInputElement>('checkbox', { name });

beforeEach(() => {
  server = { isStaff: true, plugin: template, calls: [], changes: [] };
  document.cookie = 'csrftoken=secret';
  vi.stubGlobal('fetch', vi.fn(answer));
  vi.stubGlobal(
    'WebSocket',
    class {
      onmessage?: (message: { data: string }) => void;
      constructor() {
        // eslint-disable-next-line @typescript-eslint/no-this-alias -- the tests send events through the open socket
        socket = this;
      }
      close() {}
    },
  );
  vi.stubGlobal('matchMedia', () => ({ matches: true, addEventListener() {}, removeEventListener() {} }));
  // jsdom has dialogs, but cannot show them.
  HTMLDialogElement.prototype.showModal = function showModal() {
    this.open = true;
  };
  Element.prototype.scrollIntoView = () => {};
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test('consent grants the selection: required permissions, and optional ones only if selected', async () => {
  server.plugin = waiting;
  open('/plugins/template');
  const grant = await screen.findByRole('button', { name: 'Grant and activate' });
  expect(checkbox('Write its store').checked).toBe(true);
  expect(checkbox('Delete accounts').checked).toBe(false);
  fireEvent.click(checkbox('Write its store'));
  expect(screen.getByText(/Required but not selected: Write its store/)).toBeTruthy();
  fireEvent.click(checkbox('Write its store'));
  fireEvent.click(grant);
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Grant and activate' })).toBeNull());
  expect(server.changes).toEqual([
    ['POST', '/plugins/template/releases/1.0.0/activate', { grants: ['kv_set'], network_grants: [] }],
  ]);
});

test('network rules are granted one by one, with their consequences explained', async () => {
  server.plugin = {
    ...waiting,
    permissions: [],
    pending: { version: '1.0.0', permissions: [], network: [weather, radar], widens: [] },
  };
  open('/plugins/template');
  const addresses = await screen.findByRole('group', { name: 'Requested addresses' });
  const needed = checkbox('Send GET and POST requests to https://api.example.com/');
  const optional = checkbox('Send GET requests to http://radar.example/');
  expect([needed.checked, optional.checked]).toEqual([true, false]);
  expect(within(addresses).getAllByText(/can send any data/).length).toBe(2);
  expect(within(addresses).getAllByText(/Not encrypted/).length).toBe(1);
  fireEvent.click(needed);
  fireEvent.click(optional);
  expect(screen.getByText(/Required but not selected: Send GET and POST requests to/)).toBeTruthy();
  await click('Grant and activate');
  await waitFor(() => expect(server.changes.length).toBe(1));
  expect(server.changes[0]?.[2]).toEqual({
    grants: [],
    network_grants: [{ url: 'http://radar.example/', methods: ['GET'] }],
  });
});

test('revoking a network rule asks for confirmation', async () => {
  server.plugin = { ...template, permissions: [], network: [{ ...weather, granted: true }, radar] };
  open('/plugins/template');
  expect(await screen.findByText('1 of 2 granted')).toBeTruthy();
  await click('Edit permissions');
  fireEvent.click(checkbox('Send GET and POST requests to https://api.example.com/'));
  await click('Save permissions');
  const dialog = screen.getByRole('dialog', { name: 'Revoke this permission?' });
  expect(within(dialog).getByText('Send GET and POST requests to https://api.example.com/')).toBeTruthy();
  fireEvent.click(within(dialog).getByRole('button', { name: 'Revoke and save' }));
  await screen.findByText('Permissions saved');
  expect(server.changes).toEqual([['PATCH', '/plugins/template', { grants: [], network_grants: [] }]]);
});

test('"Not now" collapses the consent panel, which can be reopened', async () => {
  server.plugin = waiting;
  open('/plugins/template');
  await click('Not now');
  expect(screen.queryByRole('checkbox')).toBeNull();
  await click('Review');
  expect(checkbox('Write its store').checked).toBe(true);
  expect(server.changes).toEqual([]);
});

test('the consent for an upgrade shows new and dropped permissions', async () => {
  server.plugin = {
    ...template,
    pending: {
      version: '1.1.0',
      permissions: [asks('notify', 'Notify'), { ...store, granted: true, new: false }],
      network: [weather],
      widens: ['“greet” could be called by everybody.'],
    },
  };
  open('/plugins/template');
  const added = await screen.findByRole('group', { name: 'New in 1.1.0' });
  expect(within(added).getByRole('checkbox', { name: 'Notify' })).toBeTruthy();
  const panel = screen.getByRole('region', { name: 'Version 1.1.0 needs your consent' });
  expect(within(panel).getByText(/stays active until you decide/)).toBeTruthy();
  expect(within(panel).getByText('No longer requested').parentElement?.textContent).toContain(
    'Delete accounts',
  );
  expect(within(panel).getByText('Also new in 1.1.0').parentElement?.textContent).toContain(
    '“greet” could be called by everybody.',
  );
  const addresses = within(panel).getByRole('group', { name: 'New addresses in 1.1.0' });
  expect(
    within(addresses).getByRole('checkbox', {
      name: 'Send GET and POST requests to https://api.example.com/',
    }),
  ).toBeTruthy();
});

test('users who cannot manage plugins see that an administrator must decide', async () => {
  server.isStaff = false;
  server.plugin = { ...waiting, can_manage: false };
  open('/plugins/template');
  expect((await screen.findAllByText('Awaiting an administrator')).length).toBeGreaterThan(0);
  expect(screen.queryByRole('checkbox')).toBeNull();
  expect(screen.queryByRole('button', { name: /Disable|Edit|Roll back/ })).toBeNull();
});

test('revoking a permission asks for confirmation', async () => {
  open('/plugins/template');
  await click('Edit permissions');
  fireEvent.click(checkbox('Delete accounts'));
  await click('Save permissions');
  const dialog = screen.getByRole('dialog', { name: 'Revoke this permission?' });
  expect(server.changes).toEqual([]);
  fireEvent.click(within(dialog).getByRole('button', { name: 'Revoke and save' }));
  await screen.findByText('Permissions saved');
  expect(server.changes).toEqual([
    ['PATCH', '/plugins/template', { grants: ['kv_set'], network_grants: [] }],
  ]);
});

test('disabling asks for confirmation, and can be undone from the toast', async () => {
  open('/plugins/template');
  await click('Disable');
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Disable' }));
  await click('Undo');
  await screen.findByText('Template enabled');
  expect(server.changes.map(([, , body]) => body)).toEqual([{ enabled: false }, { enabled: true }]);
});

test('disabling a plugin elsewhere is shown, and keeps the input', async () => {
  const shout: FunctionDetail = {
    name: 'shout',
    title: 'Shout',
    description: '',
    access: 'user',
    targets: ['server'],
    sensitive: false,
    max_input_bytes: 1000,
    input_schema: null,
    output_schema: null,
  };
  server.plugin = { ...template, functions: [shout] };
  open('/plugins/template/shout');
  const input = await screen.findByLabelText<HTMLTextAreaElement>('Input');
  fireEvent.change(input, { target: { value: 'hello' } });
  server.plugin = { ...server.plugin, state: 'disabled' };
  tell({ type: 'plugin.changed', data: { slug: 'template', state: 'disabled', version: '1.0.0' } });
  await screen.findByText(/^This plugin is disabled/);
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Run' }).disabled).toBe(true);
  fireEvent.keyDown(input, { key: 'Enter', ctrlKey: true });
  expect(screen.queryByRole('button', { name: 'Running…' })).toBeNull();
  expect(input.value).toBe('hello');
});

test('removing a plugin requires typing its name', async () => {
  open('/plugins/template');
  await click('Remove');
  const dialog = within(screen.getByRole('dialog'));
  const remove = dialog.getByRole<HTMLButtonElement>('button', { name: 'Remove permanently' });
  const type = (value: string) =>
    fireEvent.change(dialog.getByLabelText('Type template to confirm'), { target: { value } });
  for (const wrong of ['', 'Template', 'templat']) {
    type(wrong);
    expect(remove.disabled).toBe(true);
  }
  type('template');
  fireEvent.click(remove);
  await screen.findByText('Also removed: 2 releases, 1 execution and 0 stored values.');
  expect(server.changes).toEqual([['DELETE', '/plugins/template', null]]);
});

test('plugins that are not removable, or not managed by the user, have no remove button', async () => {
  server.plugin = { ...template, removable: false };
  open('/plugins/template');
  await screen.findByRole('button', { name: 'Disable' });
  expect(screen.queryByRole('button', { name: 'Remove' })).toBeNull();
  cleanup();
  server.plugin = { ...template, can_manage: false };
  open('/plugins/template');
  await screen.findByRole('button', { name: 'Watch' });
  expect(screen.queryByRole('button', { name: 'Remove' })).toBeNull();
});

test("repeating another user's execution asks for confirmation, then opens the new execution", async () => {
  open(`/executions/${execution.id}`);
  await click('Run again');
  const dialog = within(screen.getByRole('dialog'));
  expect(dialog.getByText(/This time it runs as you/)).toBeTruthy();
  expect(server.changes).toEqual([]);
  fireEvent.click(dialog.getByRole('button', { name: 'Run again' }));
  await screen.findByText('This execution does not exist, or it is not yours');
  expect(server.changes).toEqual([['POST', `/executions/${execution.id}/replay`, null]]);
});

test('server information that failed to load can be loaded again', async () => {
  for (const path of ['/upload', '/sandbox']) {
    open(path);
    expect(await screen.findByRole('button', { name: 'Try again' })).toBeTruthy();
    expect(screen.queryByText('Drop a bundle here')).toBeNull();
    cleanup();
  }
});

test('the pause notice appears and disappears live', async () => {
  open('/plugins/template');
  await screen.findByRole('heading', { name: 'Template' });
  server.plugin = { ...template, paused: '9 of its last 9 calls failed' };
  tell({
    id: 'p1',
    type: 'plugin.paused',
    data: { slug: 'template', reason: '9 of its last 9 calls failed' },
  });
  await screen.findByText(/9 of its last 9 calls failed\./);
  server.plugin = template;
  tell({ id: 'p2', type: 'plugin.resumed', data: { slug: 'template', reason: '' } });
  await waitFor(() => expect(screen.queryByText('Temporarily paused')).toBeNull());
});

test('rolling back sends no grants', async () => {
  open('/plugins/template');
  await click('Roll back to 0.9.0');
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Roll back' }));
  await screen.findByText('Template 0.9.0 is active');
  expect(server.changes).toEqual([['POST', '/plugins/template/releases/0.9.0/activate', {}]]);
});

test('watching can be turned on and off', async () => {
  open('/plugins/template');
  await click('Watch');
  await click('Unwatch');
  await screen.findByRole('button', { name: 'Watch' });
  expect(server.changes.map(([method]) => method)).toEqual(['PUT', 'DELETE']);
});

test('a notification is shown as a toast until dismissed, and stays in the activity panel', async () => {
  open('/plugins/template');
  await screen.findByRole('heading', { name: 'Template' }); // then the socket is this page's
  const activity = screen.getByRole('region', { name: 'Activity' });
  tell({
    type: 'notification',
    data: { title: 'Import failed', body: 'Row 3.', level: 'error', plugin: 'template' },
  });
  const corner = screen.getByRole('region', { name: 'Notifications' });
  expect(within(corner).getByText('Import failed')).toBeTruthy();
  fireEvent.click(within(corner).getByRole('button', { name: 'Dismiss: Import failed' }));
  expect(within(corner).queryByText('Import failed')).toBeNull();
  expect(within(activity).getByText('Import failed')).toBeTruthy();
});

test('simultaneous updates are shown together, and the end of a run is announced', async () => {
  open('/plugins/template');
  await screen.findByRole('heading', { name: 'Template' }); // then the socket is this page's
  const activity = within(screen.getByRole('region', { name: 'Activity' }));
  const failed = { ...execution, id: '1', function: 'count' } as Execution;
  const running: Execution = { ...failed, state: 'running', problem: null, timing: null, finished_at: null };
  tell({ id: '1-1', type: 'execution.started', data: running });
  tell({ id: '1-2', type: 'execution.finished', data: failed });
  tell({ id: '1-3', type: 'execution.started', data: { ...running, id: '2', function: 'repeat' } });
  const ended = (await activity.findByText('template · count')).closest('li') as HTMLElement;
  const goesOn = activity.getByText('template · repeat').closest('li') as HTMLElement;
  expect(within(ended).getByText('Failed')).toBeTruthy();
  expect(within(goesOn).getByText('Running')).toBeTruthy();
  expect(screen.getByText('template count: failed')).toBeTruthy();
});

test('an execution shows its input and its log', async () => {
  open(`/executions/${execution.id}`);
  const input = within(await screen.findByRole('region', { name: 'Input' }));
  expect(input.getByText('"x"')).toBeTruthy();
  const log = within(screen.getByRole('region', { name: 'Log' }));
  expect(log.getByText('warn')).toBeTruthy();
  expect(log.getByText('It was close.')).toBeTruthy();
});

test('an execution shows its problem, backtrace and host calls', async () => {
  server.calls = [hostCall];
  open(`/executions/${execution.id}`);
  const calls = await screen.findByRole('region', { name: 'Host calls' });
  expect(within(calls).getByRole('row', { name: /kv_set format .* 403 Not allowed/ })).toBeTruthy();
  expect(screen.getByText('It stopped itself.')).toBeTruthy();
  expect(screen.getByText('0: template.wasm!greet').closest('details')?.open).toBe(false);
});

test('an execution without host calls says so; an unknown execution is not found', async () => {
  open(`/executions/${execution.id}`);
  expect(await screen.findByText('No host calls')).toBeTruthy();
  cleanup();
  open('/executions/nope');
  expect(
    await screen.findByRole('heading', { name: 'This execution does not exist, or it is not yours' }),
  ).toBeTruthy();
});

test('executions are filtered by the address and by the form', async () => {
  open('/executions?state=failed');
  expect(await screen.findByRole('heading', { name: 'Executions' })).toBeTruthy();
  const table = await screen.findByRole('table', { name: 'Executions' });
  expect(within(table).getByRole('link', { name: 'template · greet' }).getAttribute('href')).toBe(
    `/executions/${execution.id}`,
  );
  expect(screen.getByLabelText<HTMLSelectElement>('State').value).toBe('failed');
  fireEvent.change(screen.getByLabelText('Plugin'), { target: { value: 'template' } });
  await waitFor(() =>
    expect(vi.mocked(fetch)).toHaveBeenCalledWith(
      '/api/v1/executions?page_size=50&plugin=template&state=failed',
      expect.anything(),
    ),
  );
});

test('a token is created with a name and scopes, and shown once', async () => {
  open('/tokens');
  fireEvent.click(await screen.findByRole('button', { name: 'Create token' }));
  expect(screen.getByText('Fill in this field.')).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'backup' } });
  fireEvent.click(checkbox('Use the API as you'));
  await click('Create token');
  expect(await screen.findByText('Select at least one permission.')).toBeTruthy();
  fireEvent.click(checkbox('Use the API as you'));
  await click('Create token');
  expect((await screen.findByLabelText<HTMLInputElement>('Token')).value).toBe('hba_secret');
  expect(server.changes).toEqual([
    ['POST', '/tokens', { name: 'backup', scopes: ['api'], expires_in_days: 30 }],
  ]);
  await click('Done');
  expect(screen.queryByDisplayValue('hba_secret')).toBeNull();
});

test('host operations are offered to administrators only', async () => {
  open('/tokens');
  expect(await screen.findByText('Host operations')).toBeTruthy();
  cleanup();
  server.isStaff = false;
  open('/tokens');
  await screen.findByText('You have no tokens');
  expect(screen.queryByText('Host operations')).toBeNull();
});
