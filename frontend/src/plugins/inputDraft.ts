// A function's input: how it can be asked for, read, and what of it may be kept.
import { canRenderForm, hasSecret } from '../forms/formSupport';
import type { FunctionDetail, JsonSchema } from '../lib/types';

/** What was typed into a function's form. */
export interface Draft {
  mode: 'form' | 'raw';
  data: unknown;
  raw: string;
}

export type ParsedInput = { ok: true; value: unknown } | { ok: false; message: string };

export function parseInput(raw: string): ParsedInput {
  try {
    return { ok: true, value: JSON.parse(raw) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    return { ok: false, message: `This is not valid JSON${reason ? ` (${reason})` : ''}.` };
  }
}

export function firstDraft(schema: JsonSchema | null): Draft {
  const form = canRenderForm(schema);
  const data = schema?.type === 'object' ? {} : undefined;
  return { mode: form ? 'form' : 'raw', data, raw: schema ? '{}' : '' };
}

/** Whether what is typed may lie in the tab's storage: not where it could hold a secret. */
export function keepsDraft(definition: FunctionDetail): boolean {
  return !definition.sensitive && !hasSecret(definition.input_schema);
}
