// A form made from a JSON Schema, in a separate chunk because the form library is large.
// Not imported from the package's index, which also pulls in test helpers with a validator that needs eval.
import withTheme from '@rjsf/core/lib/withTheme.js';
import type { UiSchema } from '@rjsf/utils';
import { useEffect, useMemo } from 'react';
import type { FieldError } from '../lib/problem';
import type { JsonSchema } from '../lib/types';
import { toFormErrors } from './fieldErrors';
import { templates } from './templates';
import { buildUiSchema } from './uiSchema';
import { validator } from './validator';
import { widgets } from './widgets';
import './SchemaForm.css';

const Form = withTheme({ templates, widgets });

/** The submit button is outside the form, and refers to it by id. */
const NO_BUTTON: UiSchema = { 'ui:submitButtonOptions': { norender: true } };

/** The fields show the errors. Without a handler, the library also logs them to the console. */
const showErrorsOnly = () => {};

export interface SchemaFormProps {
  formId: string;
  /** The prefix of its fields' ids, for pages with several forms. */
  idPrefix?: string;
  schema: JsonSchema;
  data: unknown;
  disabled: boolean;
  fieldErrors: FieldError[];
  /** Called when the form is on the page and can be submitted. */
  onReady: () => void;
  onChange: (data: unknown) => void;
  onSubmit: (data: unknown) => void;
  /** Called if a part of the schema has no widget. */
  onUnsupported: () => void;
}

export default function SchemaForm(props: SchemaFormProps) {
  const { formId, idPrefix = 'input', schema, data, disabled, fieldErrors } = props;
  const { onReady, onChange, onSubmit, onUnsupported } = props;
  const uiSchema = useMemo(() => ({ ...buildUiSchema(schema), ...NO_BUTTON }), [schema]);
  const extraErrors = useMemo(() => toFormErrors(fieldErrors), [fieldErrors]);
  const formContext = useMemo(() => ({ onUnsupported }), [onUnsupported]);
  useEffect(() => {
    onReady();
  }, [onReady]);
  const isEmpty = schema.type === 'object' && Object.keys(schema.properties ?? {}).length === 0;
  return (
    <>
      {isEmpty && <p className="muted">This function needs no input.</p>}
      <Form
        id={formId}
        className="schema-form"
        idPrefix={idPrefix}
        schema={schema}
        uiSchema={uiSchema}
        formData={data}
        formContext={formContext}
        validator={validator}
        disabled={disabled}
        extraErrors={extraErrors}
        noHtml5Validate
        showErrorList={false}
        focusOnFirstError
        onChange={(event) => onChange(event.formData)}
        onError={showErrorsOnly}
        onSubmit={(event) => onSubmit(event.formData)}
      />
    </>
  );
}
