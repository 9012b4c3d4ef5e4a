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

/** What is chosen on the page; `to` is null before anybody chose. */
export type Choice = Omit<Options, 'to'> & { to: Format | null };

/** The options of a conversion that make a difference to this source and target. */
export function ConvertOptions({
  choice,
  detected,
  options: { to },
  source,
  onChange,
}: {
  choice: Choice;
  detected: Detected | null;
  /** What the choice comes to. */
  options: Options;
  /** As far as it is known. */
  source: Source | null;
  onChange: (changes: Partial<Choice>) => void;
}) {
  return (
    <div className="convert-options">
      <SelectField
        label="From"
        value={choice.from}
        options={[
          ['auto', detected ? `${TITLE[detected.format]}, by its looks` : 'What it looks like'],
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
          label="Delimiter of the CSV"
          value={choice.delimiter}
          options={[
            ['auto', 'What it looks like'],
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
          {!detected.isSure && `Perhaps ${TITLE[detected.format]}. `}
          {detected.reason}
        </p>
      )}
      {source === 'csv' && (
        <>
          <CheckField
            label="The first row names the columns"
            checked={choice.header}
            onChange={(header) => onChange({ header })}
          />
          <CheckField
            label="Numbers are numbers, and not text"
            checked={choice.guess_types}
            onChange={(guess_types) => onChange({ guess_types })}
          />
        </>
      )}
      {to === 'json' && (
        <CheckField
          label="A line for each value"
          checked={choice.indent}
          onChange={(indent) => onChange({ indent })}
        />
      )}
    </div>
  );
}
