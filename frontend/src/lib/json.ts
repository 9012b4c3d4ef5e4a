// Parses JSON for display, with every number exactly as written.

/** A number that JavaScript cannot represent exactly, as written in the document. */
export class ExactNumber {
  constructor(readonly source: string) {}
}

export type Json = null | boolean | number | string | ExactNumber | Json[] | { [name: string]: Json };
/** A non-empty array or object. */
export type Branch = Json[] | { [name: string]: Json };

/**
 * Parses valid JSON; null if it is nested too deeply. Browsers that do not pass the source to a reviver round large
 * numbers, as a plain JSON.parse does.
 */
export function parseExact(text: string): { value: Json } | null {
  const revive = (_name: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && isRounded(value, context.source)
      ? new ExactNumber(context.source)
      : value;
  try {
    return { value: JSON.parse(text, revive) as Json };
  } catch {
    return null;
  }
}

/** Whether parsing lost digits. False for "1.0" or "1e2", which are other ways to write the same number. */
function isRounded(value: number, source: string): boolean {
  return digits(String(value)) !== digits(source);
}

/** The significant digits of a number, without sign, exponent, point, leading and trailing zeros. */
function digits(source: string): string {
  const [mantissa = ''] = source.toLowerCase().split('e');
  return mantissa.replace(/[-.]/g, '').replace(/^0+|0+$/g, '');
}

export function isBranch(value: Json): value is Branch {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof ExactNumber) &&
    Object.keys(value).length > 0
  );
}

/** The members of a branch with their names, or their index in an array. */
export function membersOf(branch: Branch): [name: string, value: Json][] {
  return Object.entries(branch);
}
