import { useCallback, useState } from 'react';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { PageHeader } from '../components/PageHeader';
import { Skeleton } from '../components/Skeleton';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { useToasts } from '../hooks/useToasts';
import { listPermissions, listPlugins, listTokens, revokeToken } from '../lib/api';
import type { AccessToken, NewAccessToken, PermissionInfo } from '../lib/types';
import { scopesOf } from './accessTokens';
import { NewToken } from './NewToken';
import { TokenForm } from './TokenForm';
import { TokenRow } from './TokenRow';

interface HostScopes {
  operations: PermissionInfo[];
  /** Slugs, for operations on a plugin's data. */
  plugins: string[];
}

const NO_HOST_SCOPES: HostScopes = { operations: [], plugins: [] };

export default function TokensPage() {
  const { user } = useSession();
  const { show } = useToasts();
  const { state, retry, reload, put } = useLoaded(listTokens);
  const isStaff = Boolean(user?.is_staff);
  const { state: permissions } = useLoaded(
    useCallback(
      (signal: AbortSignal) => (isStaff ? loadHostScopes(signal) : Promise.resolve(NO_HOST_SCOPES)),
      [isStaff],
    ),
  );
  const [made, setMade] = useState<NewAccessToken | null>(null);
  const [revoking, setRevoking] = useState<AccessToken | null>(null);
  const { operations, plugins } = permissions.status === 'loaded' ? permissions.value : NO_HOST_SCOPES;

  useFocusFallback(made);
  useFocusFallback(state.status === 'loaded' ? state.value.length : 0);

  async function revoke(token: AccessToken) {
    await revokeToken(token.id);
    if (made?.id === token.id) setMade(null);
    show({ tone: 'success', title: `Token “${token.name}” revoked` });
    if (state.status === 'loaded') put(state.value.filter((other) => other.id !== token.id));
  }

  return (
    <>
      <PageHeader
        title="Access tokens"
        lead="A token lets a script or another program use this server as you, without your password."
      />
      {made && <NewToken key={made.id} made={made} onDone={() => setMade(null)} />}
      <section aria-labelledby="tokens-heading">
        <h2 id="tokens-heading" className="visually-hidden">
          Your tokens
        </h2>
        {state.status === 'loading' && <Skeleton lines={4} />}
        {state.status === 'failed' && <LoadFailure problem={state.problem} onRetry={retry} />}
        {state.status === 'loaded' && (
          <div className="card">
            {state.value.length === 0 ? (
              <EmptyState icon="key" title="You have no tokens">
                <p>Create one below when a program needs access. You can revoke it at any time.</p>
              </EmptyState>
            ) : (
              <ul className="rows">
                {state.value.map((token) => (
                  <TokenRow
                    key={token.id}
                    token={token}
                    operations={operations}
                    onRevoke={() => setRevoking(token)}
                  />
                ))}
              </ul>
            )}
          </div>
        )}
      </section>
      <section aria-labelledby="new-token-heading" className="section">
        <h2 id="new-token-heading">New token</h2>
        <TokenForm
          operations={operations}
          plugins={plugins}
          failure={permissions.status === 'failed' ? permissions.problem : null}
          onMade={(token) => {
            setMade(token);
            reload();
          }}
        />
      </section>
      {revoking && (
        <ConfirmDialog
          danger
          title={`Revoke “${revoking.name}”?`}
          confirm="Revoke"
          onConfirm={() => revoke(revoking)}
          onClose={() => setRevoking(null)}
        >
          <p>
            Programs that use it lose access immediately. This cannot be undone, but you can create a new
            token.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

async function loadHostScopes(signal: AbortSignal): Promise<HostScopes> {
  const [permissions, plugins] = await Promise.all([listPermissions(signal), listPlugins(signal)]);
  return { operations: scopesOf(permissions), plugins: plugins.map((plugin) => plugin.slug) };
}
