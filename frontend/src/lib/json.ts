// JSON as a tree shows it: with every number just as it was written.

/** A number that JavaScript cannot hold exactly, in the words of the document. */
export class ExactNumber {
  constructor(readonly source: string) {}
}

export type Json = null | boolean | number | string | ExactNumber | Json[] | { [name: string]: Json };
/** An array or object that has something in it. */
export type Branch = Json[] | { [name: string]: Json };

/**
 * Parses valid JSON; null where it is nested too deep for that. Browsers that do not tell a reviver the source
 * round large numbers, as JSON.parse does anywhere.
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

/** Whether the digits say more than the number kept: not for "1.0" or "1e2", which are other ways to write it. */
function isRounded(value: number, source: string): boolean {
  return digits(String(value)) !== digits(source);
}

/** The significant digits of a number, without sign, exponent, point and outer zeros. */
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

/** The members of a branch with their names; those of an array by their place. */
export function membersOf(branch: Branch): [name: string, value: Json][] {
  return Object.entries(branch);
}
