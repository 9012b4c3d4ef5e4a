import { useEffect, useRef, useState } from 'react';
import { activateRelease } from '../api';
import { compareReleases, firstTicks, missing, toggled } from '../permissions';
import { asProblem, type ApiProblem } from '../problem';
import { useToasts } from '../toasts';
import type { PendingRelease, PluginDetail } from '../types';
import { Badge } from './Badge';
import { Button } from './Button';
import { Icon } from './Icon';
import { MissingNote } from './MissingNote';
import { NetworkRules } from './NetworkRules';
import { NoPermissions } from './PermissionList';
import { PermissionChoices } from './PermissionChoices';
import { ProblemNotice } from './ProblemNotice';
import { RiskBadge } from './RiskBadge';

/** What a new plugin or release asks for, and the decision. Mount with a key per release. */
export function ConsentPanel({
  plugin,
  pending,
  onChanged,
}: {
  plugin: PluginDetail;
  pending: PendingRelease;
  onChanged: (plugin: PluginDetail) => void;
}) {
  const { show } = useToasts();
  const [ticked, setTicked] = useState(() => firstTicks(pending.permissions));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [postponed, setPostponed] = useState(false);
  const panel = useRef<HTMLElement>(null);
  const moveFocus = useRef(false);

  useEffect(() => {
    // The button that was pressed is gone with the other view.
    if (moveFocus.current) panel.current?.focus();
    moveFocus.current = true;
  }, [postponed]);

  async function grant() {
    setBusy(true);
    setProblem(null);
    try {
      const changed = await activateRelease(plugin.slug, pending.version, [...ticked]);
      show({ tone: 'success', title: `${plugin.title} ${pending.version} is active` });
      onChanged(changed);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }

  const serving = plugin.active_version;
  const { added, kept, dropped } = compareReleases(plugin.permissions, pending.permissions);
  const choices = {
    ticked,
    disabled: busy,
    onToggle: (operation: string) => setTicked((now) => toggled(now, operation)),
  };
  return (
    <section
      ref={panel}
      tabIndex={-1}
      aria-labelledby="consent-heading"
      className={postponed ? 'section card consent consent-postponed' : 'section card consent'}
    >
      <div className="consent-head">
        <h2 id="consent-heading">
          {serving ? `Version ${pending.version} waits for your consent` : 'Waits for your consent'}
        </h2>
        {postponed && (
          <Button small onClick={() => setPostponed(false)}>
            Review
          </Button>
        )}
        <p>
          {serving
            ? `It asks for other permissions than ${serving}, which keeps serving until you decide.`
            : 'Nothing of this plugin runs until you have looked at what it asks for.'}
        </p>
      </div>
      {!postponed && (
        <>
          {pending.permissions.length === 0 && <NoPermissions />}
          {serving ? (
            <>
              {added.length > 0 && (
                <PermissionChoices legend={`New in ${pending.version}`} permissions={added} {...choices} />
              )}
              {dropped.length > 0 && (
                <div className="permission-group">
                  <h3>No longer asked for</h3>
                  <ul>
                    {dropped.map((permission) => (
                      <li key={permission.operation} className="permission permission-dropped">
                        <s>{permission.title}</s>
                        <RiskBadge risk={permission.risk} />
                      </li>
                    ))}
                  </ul>
                </div>
              )}
              {kept.length > 0 && (
                <details className="consent-kept">
                  <summary>
                    <Icon name="chevronRight" size={14} />
                    As in {serving}
                    <Badge>
                      {kept.filter(({ operation }) => ticked.has(operation)).length} of {kept.length} ticked
                    </Badge>
                  </summary>
                  <PermissionChoices
                    legend={`As in ${serving}`}
                    legendHidden
                    permissions={kept}
                    {...choices}
                  />
                </details>
              )}
            </>
          ) : (
            pending.permissions.length > 0 && (
              <PermissionChoices legend="It asks for" permissions={pending.permissions} {...choices} />
            )
          )}
          {pending.network.length > 0 && <NetworkRules rules={pending.network} />}
          <div className="consent-foot">
            {problem && <ProblemNotice problem={problem} />}
            <MissingNote missing={missing(pending.permissions, ticked)} />
            <p className="consent-meaning">
              Granting means: from its next call on, the plugin may do everything ticked here, whoever runs
              it, until you take it back. <Badge>{ticked.size} ticked</Badge>
            </p>
            <div className="consent-buttons">
              <Button look="primary" icon="shield" busy={busy} onClick={() => void grant()}>
                Grant and activate
              </Button>
              <Button disabled={busy} onClick={() => setPostponed(true)}>
                Not now
              </Button>
            </div>
          </div>
        </>
      )}
    </section>
  );
}
