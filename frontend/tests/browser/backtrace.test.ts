import { expect, it } from 'vitest';
import { backtrace, demangle } from '../../src/browser/backtrace';

it.each([
  ['trap', 'trap'],
  ['_ZN6faults6limits7descend17ha79487640e77e731E', 'faults::limits::descend::ha79487640e77e731'],
  [
    '_ZN45_$LT$f64$u20$as$u20$zmij..private..Sealed$GT$20write_to_zmij_buffer17h33d252aac482033cE',
    '<f64 as zmij::private::Sealed>::write_to_zmij_buffer::h33d252aac482033c',
  ],
  [
    '_ZN4core3ptr34drop_in_place$LT$anyhow..Error$GT$17hc25d667e75a1047fE',
    'core::ptr::drop_in_place<anyhow::Error>::hc25d667e75a1047f',
  ],
  ['_ZN9truncated', '_ZN9truncated'],
  ['_ZN9shortE', '_ZN9shortE'],
])('%s is written as %s', (name, written) => {
  expect(demangle(name)).toBe(written);
});

it('v0 names are prefixed with their crate', () => {
  expect(demangle('_RNvNtCs61Tf4xi4XRZ_4core6option13unwrap_failed')).toMatch(/^core::/);
  expect(demangle('_RNvMs2_NtCsjxAGxP6tU2q_3std9backtraceNtB5_9Backtrace7capture')).toMatch(/^std::/);
});

it("a V8 stack is converted to the server's format", () => {
  const error = new Error('unreachable');
  error.stack = [
    'RuntimeError: unreachable',
    '    at faults.wasm.abort (wasm://wasm/faults.wasm-5f0e6a2a:wasm-function[90]:0x20fb7)',
    '    at faults.wasm._ZN6faults4trap17ha79487640e77e731E (wasm://wasm/faults.wasm-5f0e6a2a:wasm-function[12]:0x8a16)',
    '    at Guest.call (http://127.0.0.1:8000/static/assets/plugin-worker-x.js:1:2)',
  ].join('\n');
  expect(backtrace(error).split('\n    ')).toEqual([
    'unreachable',
    'wasm backtrace:',
    '0: 0x20fb7 - faults.wasm!abort',
    '1: 0x8a16 - faults.wasm!faults::trap::ha79487640e77e731',
  ]);
});

it('other stacks are reduced to the message', () => {
  expect(backtrace(new RangeError('too deep'))).toBe('RangeError: too deep');
});
