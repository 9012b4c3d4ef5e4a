// The form library's templates with our own classes and without inline styles.
import {
  ADDITIONAL_PROPERTY_FLAG,
  buttonId,
  canExpand,
  errorId,
  getInputProps,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  type BaseInputTemplateProps,
  type DescriptionFieldProps,
  type FieldErrorProps,
  type FieldTemplateProps,
  type IconButtonProps,
  type MultiSchemaFieldTemplateProps,
  type ObjectFieldTemplateProps,
  type RJSFSchema,
  type TemplatesType,
  type TitleFieldProps,
  type UnsupportedFieldProps,
  type WrapIfAdditionalTemplateProps,
} from '@rjsf/utils';
import { useEffect } from 'react';
import { Button } from '../components/Button';
import type { IconName } from '../components/Icon';
import { IconButton } from '../components/IconButton';
import { describedBy } from './describedBy';

function FieldTemplate(props: FieldTemplateProps) {
  const { id, label, children, errors, help, description, hidden, required, displayLabel } = props;
  if (hidden) return <div hidden>{children}</div>;
  return (
    <WrapIfAdditionalTemplate {...props}>
      {displayLabel && label && (
        <div className="field-head">
          <label htmlFor={id}>{label}</label>
          {!required && <span className="field-optional">Optional</span>}
        </div>
      )}
      {displayLabel && description}
      {children}
      {errors}
      {help}
    </WrapIfAdditionalTemplate>
  );
}

function WrapIfAdditionalTemplate(props: WrapIfAdditionalTemplateProps) {
  const { id, label, schema, disabled, readonly, children, onKeyRenameBlur, onRemoveProperty } = props;
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return <div className="field">{children}</div>;
  return (
    <div className="field extra-property">
      <div className="field">
        <label htmlFor={`${id}-key`}>Key</label>
        <input
          id={`${id}-key`}
          className="input"
          defaultValue={label}
          disabled={disabled || readonly}
          onBlur={onKeyRenameBlur}
        />
      </div>
      <div>{children}</div>
      <IconButton
        id={buttonId(id, 'remove')}
        icon="x"
        label={`Remove ${label}`}
        disabled={disabled || readonly}
        onClick={onRemoveProperty}
      />
    </div>
  );
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps) {
  const { title, description, properties, fieldPathId, schema, uiSchema, formData, disabled, readonly } =
    props;
  const fields = properties.map((property) => property.content);
  const add = canExpand(schema, uiSchema, formData) && (
    <Button
      small
      icon="plus"
      id={buttonId(fieldPathId, 'add')}
      disabled={disabled || readonly}
      onClick={props.onAddProperty}
    >
      Add a property
    </Button>
  );
  // The root object is the form itself: the page shows its title.
  if (fieldPathId.path.length === 0) {
    return (
      <div id={fieldPathId.$id} className="form-fields">
        {fields}
        {add}
      </div>
    );
  }
  return (
    <fieldset id={fieldPathId.$id} className="fieldset">
      {title && <legend>{title}</legend>}
      {description && <p className="field-hint">{description}</p>}
      {props.optionalDataControl}
      <div className="form-fields">{fields}</div>
      {add}
    </fieldset>
  );
}

function ArrayFieldTemplate(props: ArrayFieldTemplateProps) {
  const { title, items, canAdd, fieldPathId, schema, disabled, readonly, onAddClick } = props;
  return (
    <fieldset id={fieldPathId.$id} className="fieldset">
      {title && <legend>{title}</legend>}
      {schema.description && <p className="field-hint">{schema.description}</p>}
      {props.optionalDataControl}
      {items.length > 0 && <div className="array-items">{items}</div>}
      {canAdd && (
        <Button
          small
          icon="plus"
          id={buttonId(fieldPathId, 'add')}
          disabled={disabled || readonly}
          onClick={onAddClick}
        >
          Add an item
        </Button>
      )}
    </fieldset>
  );
}

function ArrayFieldItemTemplate(props: ArrayFieldItemTemplateProps) {
  const { children, buttonsProps, hasToolbar, registry, uiSchema } = props;
  const { ArrayFieldItemButtonsTemplate } = registry.templates;
  return (
    <div className="array-item">
      <div className="array-item-content">{children}</div>
      {hasToolbar && (
        <div className="array-item-tools">
          <ArrayFieldItemButtonsTemplate {...buttonsProps} uiSchema={uiSchema} />
        </div>
      )}
    </div>
  );
}

function BaseInputTemplate(props: BaseInputTemplateProps) {
  const { id, htmlName, type, value, schema, options, placeholder, required, disabled, readonly, rawErrors } =
    props;
  const input = getInputProps(schema, type, options);
  return (
    <input
      {...input}
      id={id}
      name={htmlName || id}
      className="input"
      value={value ?? ''}
      placeholder={placeholder || exampleOf(schema)}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      autoComplete={input.type === 'password' ? 'new-password' : 'off'}
      aria-invalid={rawErrors?.length ? true : undefined}
      aria-describedby={describedBy(id, schema, rawErrors)}
      onChange={
        props.onChangeOverride ??
        (({ target }) => props.onChange(target.value === '' ? options.emptyValue : target.value))
      }
      onBlur={({ target }) => props.onBlur(id, target.value)}
      onFocus={({ target }) => props.onFocus(id, target.value)}
    />
  );
}

/** The schema's first example, as a placeholder; none for secrets. */
function exampleOf({ examples, format }: RJSFSchema): string | undefined {
  const [example] = Array.isArray(examples) ? examples : [];
  return format === 'password' || example === undefined ? undefined : `e.g. ${String(example)}`;
}

function DescriptionFieldTemplate({ id, description }: DescriptionFieldProps) {
  return description ? (
    <p id={id} className="field-hint">
      {description}
    </p>
  ) : null;
}

function TitleFieldTemplate({ id, title }: TitleFieldProps) {
  return (
    <p id={id} className="fieldset-title">
      {title}
    </p>
  );
}

function FieldErrorTemplate({ errors = [], fieldPathId }: FieldErrorProps) {
  if (errors.length === 0) return null;
  return (
    <div id={errorId(fieldPathId)} className="field-error">
      {errors.map((error, index) => (
        <p key={index}>{error}</p>
      ))}
    </div>
  );
}

function MultiSchemaFieldTemplate({ selector, optionSchemaField }: MultiSchemaFieldTemplateProps) {
  return (
    <div className="choice">
      {selector}
      {optionSchemaField}
    </div>
  );
}

function UnsupportedFieldTemplate({ registry }: UnsupportedFieldProps) {
  const { onUnsupported } = registry.formContext as { onUnsupported: () => void };
  useEffect(() => {
    onUnsupported();
  }, [onUnsupported]);
  return null;
}

function toolButton(icon: IconName, label: string) {
  return function ToolButton({ id, disabled, onClick }: IconButtonProps) {
    return <IconButton id={id} icon={icon} label={label} disabled={disabled} onClick={onClick} />;
  };
}

export const templates: Partial<TemplatesType> = {
  ArrayFieldItemTemplate,
  ArrayFieldTemplate,
  BaseInputTemplate,
  ButtonTemplates: {
    AddButton: toolButton('plus', 'Add'),
    ClearButton: toolButton('x', 'Clear'),
    CopyButton: toolButton('copy', 'Copy item'),
    MoveDownButton: toolButton('arrowDown', 'Move down'),
    MoveUpButton: toolButton('arrowUp', 'Move up'),
    RemoveButton: toolButton('x', 'Remove item'),
    SubmitButton: () => null,
  },
  DescriptionFieldTemplate,
  FieldErrorTemplate,
  FieldTemplate,
  MultiSchemaFieldTemplate,
  ObjectFieldTemplate,
  TitleFieldTemplate,
  UnsupportedFieldTemplate,
  WrapIfAdditionalTemplate,
};
