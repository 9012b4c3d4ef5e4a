import { EmptyState } from '../components/EmptyState';
import { LoadFailure } from '../components/LoadFailure';
import { NotFoundPage } from '../components/NotFoundPage';
import { Notice } from '../components/Notice';
import { PageHeader } from '../components/PageHeader';
import { Skeleton } from '../components/Skeleton';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { getServer } from '../lib/api';
import type { ServerStatus } from '../lib/types';
import { SandboxLayerRow } from './SandboxLayerRow';

export default function SandboxPage() {
  const { user } = useSession();
  if (!user?.is_staff) return <NotFoundPage what="Only administrators can see the sandbox" />;
  return (
    <>
      <PageHeader
        title="Sandbox"
        lead="What contains a plugin that breaks out of WebAssembly. Each worker process gives up these rights before it runs any plugin code."
      />
      <Layers />
    </>
  );
}

function Layers() {
  const { state, retry } = useLoaded(getServer);
  if (state.status === 'loading') return <Skeleton lines={9} />;
  if (state.status === 'failed') return <LoadFailure problem={state.problem} onRetry={retry} />;
  const { sandbox } = state.value;
  if (sandbox.length === 0) {
    return (
      <EmptyState icon="alert" title="No worker has started">
        <p>Plugins cannot run until one starts. The server’s log says why.</p>
      </EmptyState>
    );
  }
  return (
    <>
      <Verdict server={state.value} />
      <section aria-labelledby="layers-heading" className="section">
        <h2 id="layers-heading">Layers, in the order they are applied</h2>
        <ul className="card rows">
          {sandbox.map((layer) => (
            <SandboxLayerRow key={layer.name} layer={layer} />
          ))}
        </ul>
      </section>
    </>
  );
}

function Verdict({ server: { sandbox, workers } }: { server: ServerStatus }) {
  const missing = sandbox.filter((layer) => layer.state === 'off').length;
  const partial = sandbox.filter((layer) => layer.state === 'partial').length;
  const each = workers === 1 ? 'One call runs at a time.' : `Up to ${workers} calls run at a time.`;
  if (missing === 0) {
    return (
      <Notice
        tone="success"
        title={`All ${sandbox.length} layers are active on this system${partial ? `, ${partial} of them partly` : ''}`}
      >
        <p>{each}</p>
      </Notice>
    );
  }
  return (
    <Notice tone="warning" title={`${missing} of ${sandbox.length} layers are missing on this system`}>
      <p>
        Plugins still run, contained by the other layers. {each} The deployment guide says what each layer
        needs.
      </p>
    </Notice>
  );
}
