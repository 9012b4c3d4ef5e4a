import { descriptionId, errorId, type RJSFSchema } from '@rjsf/utils';

/** The ids of a field's description and errors, if they are on the page. */
export function describedBy(
  id: string,
  schema: RJSFSchema,
  errors: string[] | undefined,
): string | undefined {
  const ids = [schema.description && descriptionId(id), errors?.length && errorId(id)].filter(Boolean);
  return ids.join(' ') || undefined;
}
