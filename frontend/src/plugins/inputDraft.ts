// The input of a function while the user is entering it.
import { canRenderForm, hasSecret } from '../forms/formSupport';
import type { FunctionDetail, JsonSchema } from '../lib/types';

/** What the user typed, as form data or as raw text. */
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

/** Whether the draft may be stored in the tab: not if it could contain a secret. */
export function keepsDraft(definition: FunctionDetail): boolean {
  return !definition.sensitive && !hasSecret(definition.input_schema);
}
