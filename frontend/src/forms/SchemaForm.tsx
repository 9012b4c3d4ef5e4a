// A form made from a JSON Schema. Loaded on its own, because the form library is large.
// Not from the package's index: that one also pulls in its test helpers, and with them a validator that needs eval.
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

/** The button stands outside of the form, tied to it by the form's id. */
const NO_BUTTON: UiSchema = { 'ui:submitButtonOptions': { norender: true } };

/** The fields tell what is wrong; without a handler the library writes it to the console as well. */
const showErrorsOnly = () => {};

export interface SchemaFormProps {
  formId: string;
  /** What the ids of its fields begin with, where another form is on the page. */
  idPrefix?: string;
  schema: JsonSchema;
  data: unknown;
  disabled: boolean;
  fieldErrors: FieldError[];
  /** The form is on the page: from now on it can be submitted. */
  onReady: () => void;
  onChange: (data: unknown) => void;
  onSubmit: (data: unknown) => void;
  /** Some part of the schema turned out to have no widget. */
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
