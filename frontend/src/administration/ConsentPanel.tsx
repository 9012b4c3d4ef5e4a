import { useEffect, useRef, useState } from 'react';
import { Badge } from '../components/Badge';
import { Button } from '../components/Button';
import { Icon } from '../components/Icon';
import { ProblemNotice } from '../components/ProblemNotice';
import { useToasts } from '../hooks/useToasts';
import { activateRelease } from '../lib/api';
import { asProblem, type ApiProblem } from '../lib/problem';
import type { PendingRelease, PluginDetail } from '../lib/types';
import { MissingPermissionsNote } from '../permissions/MissingPermissionsNote';
import { NetworkChoices } from '../permissions/NetworkChoices';
import { PermissionChoices } from '../permissions/PermissionChoices';
import { NoPermissions } from '../permissions/PermissionList';
import {
  chosen,
  compareReleases,
  initialTicks,
  keyOf,
  missing,
  nameOf,
  toggled,
} from '../permissions/permissions';
import { RiskBadge } from '../permissions/RiskBadge';
import './ConsentPanel.css';

/** What a new plugin or release asks for, and the decision about it. Mount with a key per release. */
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
  const asked = [...pending.permissions, ...pending.network];
  const [ticked, setTicked] = useState(() => initialTicks(asked));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [postponed, setPostponed] = useState(false);
  const panel = useRef<HTMLElement>(null);
  const moveFocus = useRef(false);

  useEffect(() => {
    // The pressed button was in the view that is now gone.
    if (moveFocus.current) panel.current?.focus();
    moveFocus.current = true;
  }, [postponed]);

  async function grant() {
    setBusy(true);
    setProblem(null);
    try {
      const changed = await activateRelease(plugin.slug, pending.version, chosen(pending, ticked));
      show({ tone: 'success', title: `${plugin.title} ${pending.version} is active` });
      onChanged(changed);
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }

  const serving = plugin.active_version;
  const { added, kept, dropped } = compareReleases(plugin.permissions, pending.permissions);
  const addresses = compareReleases(plugin.network, pending.network);
  const allKept = [...kept, ...addresses.kept];
  const allDropped = [...dropped, ...addresses.dropped];
  const choices = {
    ticked,
    disabled: busy,
    onToggle: (key: string) => setTicked((now) => toggled(now, key)),
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
          {serving ? `Version ${pending.version} needs your consent` : 'This plugin needs your consent'}
        </h2>
        {postponed && (
          <Button small onClick={() => setPostponed(false)}>
            Review
          </Button>
        )}
        <p>
          {serving
            ? `It asks for different access than ${serving}, which stays active until you decide.`
            : 'It cannot run until you approve what it asks for.'}
        </p>
      </div>
      {!postponed && (
        <>
          {asked.length === 0 && <NoPermissions />}
          {serving ? (
            <>
              {added.length > 0 && (
                <PermissionChoices legend={`New in ${pending.version}`} permissions={added} {...choices} />
              )}
              {addresses.added.length > 0 && (
                <NetworkChoices
                  legend={`New addresses in ${pending.version}`}
                  rules={addresses.added}
                  {...choices}
                />
              )}
              {pending.widens.length > 0 && (
                <div className="permission-group">
                  <h3>Also new in {pending.version}</h3>
                  <ul>
                    {pending.widens.map((gain) => (
                      <li key={gain} className="permission">
                        {gain}
                      </li>
                    ))}
                  </ul>
                </div>
              )}
              {allDropped.length > 0 && (
                <div className="permission-group">
                  <h3>No longer requested</h3>
                  <ul>
                    {allDropped.map((one) => (
                      <li key={keyOf(one)} className="permission permission-dropped">
                        <s className="permission-address">{nameOf(one)}</s>
                        {'risk' in one && <RiskBadge risk={one.risk} />}
                      </li>
                    ))}
                  </ul>
                </div>
              )}
              {allKept.length > 0 && (
                <details className="consent-kept">
                  <summary>
                    <Icon name="chevronRight" size={14} />
                    Same as in {serving}
                    <Badge>
                      {allKept.filter((one) => ticked.has(keyOf(one))).length} of {allKept.length} selected
                    </Badge>
                  </summary>
                  {kept.length > 0 && (
                    <PermissionChoices
                      legend={`Same as in ${serving}`}
                      legendHidden
                      permissions={kept}
                      {...choices}
                    />
                  )}
                  {addresses.kept.length > 0 && (
                    <NetworkChoices
                      legend={`Addresses, same as in ${serving}`}
                      legendHidden
                      rules={addresses.kept}
                      {...choices}
                    />
                  )}
                </details>
              )}
            </>
          ) : (
            <>
              {pending.permissions.length > 0 && (
                <PermissionChoices
                  legend="Requested permissions"
                  permissions={pending.permissions}
                  {...choices}
                />
              )}
              {pending.network.length > 0 && (
                <NetworkChoices legend="Requested addresses" rules={pending.network} {...choices} />
              )}
            </>
          )}
          <div className="card-foot">
            {problem && <ProblemNotice problem={problem} />}
            <MissingPermissionsNote missing={missing(asked, ticked)} />
            <p className="consent-meaning">
              From its next call, the plugin may do everything selected here, no matter who runs it, until you
              revoke it. <Badge>{ticked.size} selected</Badge>
            </p>
            <div className="button-row">
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
