import { useId } from 'react';
import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { ProblemNotice } from '../components/ProblemNotice';
import { SelectField } from '../components/SelectField';
import { TextField } from '../components/TextField';
import { useDraft } from '../hooks/useDraft';
import { useSubmit } from '../hooks/useSubmit';
import { createToken } from '../lib/api';
import { ApiProblem, errorFor } from '../lib/problem';
import type { NewAccessToken, PermissionInfo } from '../lib/types';
import { PermissionDescription } from '../permissions/PermissionDescription';
import { byRisk, toggled } from '../permissions/permissions';
import { RiskBadge } from '../permissions/RiskBadge';
import { API_SCOPE, LIFETIMES, USUAL_LIFETIME_DAYS } from './accessTokens';
import '../permissions/permissions.css';
import './TokenForm.css';

const FIELDS = ['name', 'scopes'];
const FIRST = { name: '', days: String(USUAL_LIFETIME_DAYS), plugin: '', scopes: [API_SCOPE.operation] };

export function TokenForm({
  operations,
  plugins,
  failure,
  onMade,
}: {
  /** The host operations that this user may grant to a token. */
  operations: PermissionInfo[];
  plugins: string[];
  failure: ApiProblem | null;
  onMade: (token: NewAccessToken) => void;
}) {
  const [{ name, days, plugin, scopes: chosen }, change, drop] = useDraft('tokens', FIRST);
  const scopes: ReadonlySet<string> = new Set(chosen);
  const chosenOperations = operations.filter((known) => scopes.has(known.operation)).length;
  const { submit, busy, problem } = useSubmit(async () => {
    if (scopes.size === 0) throw noScope();
    const asked = { name: name.trim(), scopes: [...scopes], expires_in_days: Number(days) };
    onMade(await createToken(chosenOperations > 0 && plugin ? { ...asked, plugin } : asked));
    drop();
  });
  const scopeError = problem?.errors.find((error) => error.pointer.startsWith('/scopes'))?.detail;
  const errorId = useId();
  const choices = {
    scopes,
    errorId: scopeError ? errorId : undefined,
    onToggle: (scope: string) => change({ scopes: [...toggled(scopes, scope)] }),
  };

  return (
    <form className="card card-body" onSubmit={submit} noValidate>
      {problem && <ProblemNotice problem={problem} shownFields={FIELDS} />}
      <div className="token-form-row">
        <TextField
          label="Name"
          name="name"
          required
          maxLength={100}
          autoComplete="off"
          hint="What will use it, such as “nightly backup”."
          value={name}
          onChange={(event) => change({ name: event.target.value })}
          error={errorFor(problem, 'name')}
        />
        <SelectField
          label="Valid for"
          value={days}
          onChange={(value) => change({ days: value })}
          options={LIFETIMES.map(({ days: value, label }) => [String(value), label])}
        />
      </div>
      <fieldset className="permission-group token-scopes">
        <legend>This token may</legend>
        {scopeError && (
          <p id={errorId} className="field-error">
            {scopeError}
          </p>
        )}
        <ScopeChoices options={[API_SCOPE]} {...choices} />
        {operations.length > 0 && (
          <details className="scope-details">
            <summary>
              <Icon name="chevronRight" size={14} />
              Host operations
              {chosenOperations > 0 && <Badge>{chosenOperations} selected</Badge>}
              <span className="scope-details-hint">
                for programs that access this server’s data directly, as plugins do
              </span>
            </summary>
            {chosenOperations > 0 && (
              <div className="scope-plugin">
                <SelectField
                  label="On behalf of"
                  value={plugin}
                  onChange={(value) => change({ plugin: value })}
                  options={[['', 'No plugin'], ...plugins.map((slug): [string, string] => [slug, slug])]}
                />
                <p className="field-hint">
                  Stored values and notifications belong to a plugin. Choose which one.
                </p>
              </div>
            )}
            <ScopeChoices options={byRisk(operations)} {...choices} />
          </details>
        )}
        {failure && <p className="field-hint">The host operations could not be loaded: {failure.message}</p>}
      </fieldset>
      <div>
        <Button type="submit" look="primary" icon="key" busy={busy}>
          Create token
        </Button>
      </div>
    </form>
  );
}

function ScopeChoices({
  options,
  scopes,
  errorId,
  onToggle,
}: {
  options: PermissionInfo[];
  scopes: ReadonlySet<string>;
  errorId: string | undefined;
  onToggle: (scope: string) => void;
}) {
  const id = useId();
  return (
    <ul>
      {options.map((option) => {
        const own = `${id}-${option.operation}`;
        return (
          <li key={option.operation} className="permission permission-choice">
            <input
              type="checkbox"
              name="scopes"
              id={own}
              checked={scopes.has(option.operation)}
              aria-invalid={errorId ? true : undefined}
              aria-describedby={[errorId, `${own}-risk`, `${own}-text`].filter(Boolean).join(' ')}
              onChange={() => onToggle(option.operation)}
            />
            <PermissionDescription
              id={`${own}-text`}
              permission={option}
              title={
                <label htmlFor={own} className="permission-title">
                  {option.title}
                </label>
              }
            />
            <div className="permission-badges" id={`${own}-risk`}>
              <RiskBadge risk={option.risk} />
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function noScope(): ApiProblem {
  return new ApiProblem({
    code: 'invalid-input',
    status: 400,
    title: 'No permission selected',
    errors: [{ pointer: '/scopes', detail: 'Select at least one permission.' }],
  });
}
