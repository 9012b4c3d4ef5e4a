// @vitest-environment node
import { expect, test } from 'vitest';
import {
  conversion,
  detection,
  formatsFor,
  readDetected,
  SOURCES,
  type Options,
} from '../../src/convert/conversion';
import { describeOutput } from '../../src/lib/output';

const options: Options = {
  from: 'csv',
  to: 'json',
  delimiter: 'auto',
  header: true,
  guess_types: false,
  indent: true,
};
const answer = (value: unknown) => describeOutput(new TextEncoder().encode(JSON.stringify(value)));

test('the file follows a line of options, byte for byte', async () => {
  const bytes = new Uint8Array([0xff, 0xfe, 0x0a, 0x00]);
  const { body, to, fileName, source } = conversion(new File([bytes], 'my.people.csv'), options);
  const sent = new Uint8Array(await new Response(body).arrayBuffer());
  const lineEnd = sent.indexOf(0x0a);
  expect(JSON.parse(new TextDecoder().decode(sent.subarray(0, lineEnd)))).toEqual(options);
  expect(sent.subarray(lineEnd + 1)).toEqual(bytes);
  expect({ to, fileName }).toEqual({ to: 'json', fileName: 'my.people' });
  expect(source.size).toBe(4);
});

test('the result is named after its file, or has a default name', () => {
  expect(conversion(new File([''], 'README'), options).fileName).toBe('README');
  expect(conversion(new File([''], '.env'), options).fileName).toBe('.env');
  expect(conversion(new Blob(['']), options).fileName).toBe('converted');
});

test('detection and conversion are private calls', () => {
  expect(conversion(new Blob(['']), options).isPrivate).toBe(true);
  expect(detection('a,b')).toMatchObject({ body: '{"text":"a,b"}', isPrivate: true });
});

test('Markdown becomes only HTML; data becomes any data format, its own last', () => {
  expect(formatsFor('markdown')).toEqual(['html']);
  for (const source of SOURCES.filter((format) => format !== 'markdown')) {
    expect([...formatsFor(source)].sort()).toEqual(['csv', 'json', 'toml', 'yaml']);
    expect(formatsFor(source).at(-1)).toBe(source);
  }
  expect(formatsFor(null)).toHaveLength(5);
});

test('unexpected output of detect is ignored', () => {
  const told = { format: 'csv', confidence: 'low', reason: 'Its rows.', delimiter: 'comma' };
  expect(readDetected(answer(told))).toEqual({ format: 'csv', isSure: false, reason: 'Its rows.' });
  expect(readDetected(answer({ ...told, confidence: 'high' }))?.isSure).toBe(true);
  for (const other of [{ ...told, format: 'xml' }, {}, [], null, 'csv']) {
    expect(readDetected(answer(other))).toBeNull();
  }
  expect(readDetected(describeOutput(new TextEncoder().encode('csv')))).toBeNull();
});
