// Converts the server's field errors to the form library's format.
import { ErrorSchemaBuilder, type ErrorSchema } from '@rjsf/utils';
import type { FieldError } from '../lib/problem';

export function toFormErrors(errors: FieldError[]): ErrorSchema | undefined {
  if (errors.length === 0) return undefined;
  const builder = new ErrorSchemaBuilder();
  for (const { pointer, detail } of errors) {
    const path = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    builder.addErrors(detail, path);
  }
  return builder.ErrorSchema;
}
