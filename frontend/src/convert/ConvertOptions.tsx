import { CheckField } from '../components/CheckField';
import { SelectField } from '../components/SelectField';
import {
  formatsFor,
  SOURCES,
  TITLE,
  type Detected,
  type Format,
  type Options,
  type Source,
} from './conversion';
import './ConvertOptions.css';

/** The user's choices; `to` is null until one is made. */
export type Choice = Omit<Options, 'to'> & { to: Format | null };

/** The options that matter for this source and target format. */
export function ConvertOptions({
  choice,
  detected,
  options: { to },
  source,
  onChange,
}: {
  choice: Choice;
  detected: Detected | null;
  /** The options that result from the choice. */
  options: Options;
  /** Null if unknown. */
  source: Source | null;
  onChange: (changes: Partial<Choice>) => void;
}) {
  return (
    <div className="convert-options">
      <SelectField
        label="From"
        value={choice.from}
        options={[
          ['auto', detected ? `${TITLE[detected.format]} (detected)` : 'Detect automatically'],
          ...SOURCES.map((format): [string, string] => [format, TITLE[format]]),
        ]}
        onChange={(from) => onChange({ from: from as Choice['from'] })}
      />
      <SelectField
        label="To"
        value={to}
        options={formatsFor(source).map((format) => [format, TITLE[format]])}
        onChange={(format) => onChange({ to: format as Format })}
      />
      {source === 'csv' && (
        <SelectField
          label="CSV delimiter"
          value={choice.delimiter}
          options={[
            ['auto', 'Detect automatically'],
            ['comma', 'Comma'],
            ['semicolon', 'Semicolon'],
            ['tab', 'Tab'],
            ['pipe', 'Pipe'],
          ]}
          onChange={(delimiter) => onChange({ delimiter: delimiter as Choice['delimiter'] })}
        />
      )}
      {choice.from === 'auto' && detected && (
        <p className="field-hint convert-reason" role="status">
          {!detected.isSure && `Possibly ${TITLE[detected.format]}. `}
          {detected.reason}
        </p>
      )}
      {source === 'csv' && (
        <>
          <CheckField
            label="First row contains column names"
            checked={choice.header}
            onChange={(header) => onChange({ header })}
          />
          <CheckField
            label="Detect numbers"
            checked={choice.guess_types}
            onChange={(guess_types) => onChange({ guess_types })}
          />
        </>
      )}
      {to === 'json' && (
        <CheckField
          label="Pretty-print"
          checked={choice.indent}
          onChange={(indent) => onChange({ indent })}
        />
      )}
    </div>
  );
}
