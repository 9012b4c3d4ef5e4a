// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { hexDump, kindOfBytes } from '../../src/executions/output/binary';
import { findHtml, previewPage } from '../../src/executions/output/html';
import { recordedOutput } from '../../src/executions/recordedOutput';
import { describeOutput } from '../../src/lib/output';

const ofText = (text: string) => describeOutput(new TextEncoder().encode(text));
const ofBytes = (...bytes: number[]) => new Uint8Array(bytes);

test('recorded data is shown like the output of a call', () => {
  expect(recordedOutput({ encoding: 'text', content: '{"é":1}' })).toMatchObject({
    kind: 'json',
    text: '{"é":1}',
  });
  expect(recordedOutput({ encoding: 'base64', content: '/wD+' })).toMatchObject({
    kind: 'binary',
    data: ofBytes(0xff, 0, 0xfe),
  });
});

test('HTML is found in the output or in its JSON', () => {
  const page = '<h1>Hello</h1>';
  expect(findHtml(ofText(`\n ${page}`))).toBe(`\n ${page}`);
  expect(findHtml(ofText(JSON.stringify({ to: 'html', text: page })))).toBe(page);
  expect(findHtml(ofText(JSON.stringify(page)))).toBe(page);
  expect(findHtml(ofText('<!DOCTYPE html><title>x</title>'))).not.toBeNull();
});

test('text that is not HTML has no preview', () => {
  for (const text of ['a < b', '<xml/>', '<prefix>', '{"text":{"html":"<p>"}}', '1', 'null', '""', '']) {
    expect(findHtml(ofText(text))).toBeNull();
  }
  expect(findHtml(describeOutput(ofBytes(0xff)))).toBeNull();
});

test('a truncated output has no preview', () => {
  expect(findHtml(ofText(`<p>${'x'.repeat(2_000_000)}`))).toBeNull();
});

test('the policy of a preview comes before any markup of the plugin', () => {
  const page = new DOMParser().parseFromString(previewPage('</head><script>alert(1)</script>'), 'text/html');
  const first = page.querySelector('[http-equiv], script');
  expect(first?.getAttribute('content')).toBe("default-src 'none'; img-src data:");
});

test('binary data is named after its signature', () => {
  expect(kindOfBytes(ofBytes(0x89, 0x50, 0x4e, 0x47, 0x0d))).toBe('PNG image');
  expect(kindOfBytes(ofBytes(0x89, 0x50))).toBe('Binary data');
  expect(kindOfBytes(ofBytes())).toBe('Binary data');
});

test('a hex dump shows offset, bytes and text, up to the given number of lines', () => {
  const data = Uint8Array.from({ length: 40 }, (_, index) => index + 60);
  const [first, second, ...rest] = hexDump(data, 2).split('\n');
  expect(first).toBe('0000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK');
  expect(second?.slice(0, 4)).toBe('0010');
  expect(rest).toEqual([]);
  expect(hexDump(ofBytes(0, 127, 65), 8)).toMatch(/^0000 {2}00 7f 41 +\.\.A$/);
});
