// Widgets that are not a plain input.
import {
  descriptionId,
  enumOptionSelectedValue,
  enumOptionValueDecoder,
  enumOptionValueEncoder,
  getOptionValueFormat,
  type RegistryWidgetsType,
  type WidgetProps,
} from '@rjsf/utils';
import { describedBy } from './describedBy';

function CheckboxWidget(props: WidgetProps) {
  const { id, htmlName, label, schema, options, value, disabled, readonly, rawErrors, onChange } = props;
  const description = options.description ?? schema.description;
  return (
    <div className="checkbox">
      <input
        type="checkbox"
        id={id}
        name={htmlName || id}
        checked={value === true}
        disabled={disabled || readonly}
        aria-invalid={rawErrors?.length ? true : undefined}
        aria-describedby={describedBy(id, schema, rawErrors)}
        onChange={({ target }) => onChange(target.checked)}
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {description && (
          <p id={descriptionId(id)} className="field-hint">
            {description}
          </p>
        )}
      </div>
    </div>
  );
}

function SelectWidget(props: WidgetProps) {
  const {
    id,
    htmlName,
    schema,
    options,
    value,
    required,
    disabled,
    readonly,
    multiple,
    rawErrors,
    placeholder,
  } = props;
  const { enumOptions = [], enumDisabled, emptyValue } = options;
  const format = getOptionValueFormat(options);
  const selected = enumOptionSelectedValue(value, enumOptions, Boolean(multiple), format, multiple ? [] : '');
  return (
    <select
      id={id}
      name={htmlName || id}
      className="input select"
      multiple={multiple}
      value={selected}
      required={required}
      disabled={disabled || readonly}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={({ target }) => {
        const chosen = multiple ? Array.from(target.selectedOptions, (option) => option.value) : target.value;
        props.onChange(enumOptionValueDecoder(chosen, enumOptions, format, emptyValue));
      }}
    >
      {!multiple && schema.default === undefined && <option value="">{placeholder || 'Choose…'}</option>}
      {enumOptions.map((option, index) => (
        <option
          key={String(option.value)}
          value={enumOptionValueEncoder(option.value, index, format)}
          disabled={Array.isArray(enumDisabled) && enumDisabled.includes(option.value)}
        >
          {option.label}
        </option>
      ))}
    </select>
  );
}

function TextareaWidget(props: WidgetProps) {
  const { id, htmlName, schema, options, value, placeholder, required, disabled, readonly, rawErrors } =
    props;
  return (
    <textarea
      id={id}
      name={htmlName || id}
      className="input"
      rows={typeof options.rows === 'number' ? options.rows : 5}
      value={typeof value === 'string' ? value : ''}
      placeholder={placeholder || undefined}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={({ target }) => props.onChange(target.value === '' ? options.emptyValue : target.value)}
    />
  );
}

export const widgets: RegistryWidgetsType = { CheckboxWidget, SelectWidget, TextareaWidget };
