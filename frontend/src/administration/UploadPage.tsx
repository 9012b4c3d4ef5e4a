import { useEffect, useRef, useState } from 'react';
import { Breadcrumb } from '../components/Breadcrumb';
import { LoadFailure } from '../components/LoadFailure';
import { NotFoundPage } from '../components/NotFoundPage';
import { Notice } from '../components/Notice';
import { PageHeader } from '../components/PageHeader';
import { ProblemNotice } from '../components/ProblemNotice';
import { Skeleton } from '../components/Skeleton';
import { useFocusFallback } from '../hooks/useFocusFallback';
import { useLoaded } from '../hooks/useLoaded';
import { useSession } from '../hooks/useSession';
import { getServer, installPlugin } from '../lib/api';
import { pickFile } from '../lib/files';
import { formatBytes } from '../lib/format';
import { asProblem, type ApiProblem } from '../lib/problem';
import type { Installed } from '../lib/types';
import { DropZone } from './DropZone';
import { UploadProgress } from './UploadProgress';
import { UploadReport } from './UploadReport';
import './UploadPage.css';

export default function UploadPage() {
  const { user } = useSession();
  if (!user?.is_staff) return <NotFoundPage what="Only administrators can install plugins" />;
  return (
    <>
      <Breadcrumb to="/plugins">All plugins</Breadcrumb>
      <PageHeader
        title="Upload a plugin"
        lead={
          <>
            A bundle is a .zip file with a <code>plugin.json</code> and the <code>.wasm</code> file that it
            names. It is checked before it runs, and can do nothing until you consent.
          </>
        }
      />
      <UploaderWithLimit />
    </>
  );
}

type Step =
  | { name: 'choosing' }
  | { name: 'sending'; file: File; sent: number }
  | { name: 'refused'; file: File; problem: ApiProblem }
  | { name: 'installed'; installed: Installed };

/** Waits for the server's size limit, so that no upload fails because of it. */
function UploaderWithLimit() {
  const { state, retry } = useLoaded(getServer);
  if (state.status === 'loading') return <Skeleton lines={4} />;
  if (state.status === 'failed') return <LoadFailure problem={state.problem} onRetry={retry} />;
  return <Uploader maxBytes={state.value.max_bundle_bytes} />;
}

function Uploader({ maxBytes }: { maxBytes: number }) {
  const [step, setStep] = useState<Step>({ name: 'choosing' });
  const [complaint, setComplaint] = useState('');
  const controller = useRef<AbortController>(null);
  useEffect(() => () => controller.current?.abort(), []);
  useFocusFallback(step.name);

  async function send(file: File) {
    const { signal } = (controller.current = new AbortController());
    setStep({ name: 'sending', file, sent: 0 });
    try {
      const onProgress = (sent: number) => setStep({ name: 'sending', file, sent });
      setStep({ name: 'installed', installed: await installPlugin(file, { onProgress, signal }) });
    } catch (error) {
      setStep(signal.aborted ? { name: 'choosing' } : { name: 'refused', file, problem: asProblem(error) });
    }
  }

  function choose(files: readonly File[]) {
    const picked = pickFile(files, maxBytes, 'bundle');
    setComplaint(picked.ok ? '' : picked.reason);
    if (picked.ok) void send(picked.file);
    else setStep({ name: 'choosing' });
  }

  if (step.name === 'installed') {
    return <UploadReport installed={step.installed} onAnother={() => setStep({ name: 'choosing' })} />;
  }
  if (step.name === 'sending') {
    return <UploadProgress file={step.file} sent={step.sent} onCancel={() => controller.current?.abort()} />;
  }
  return (
    <div className="upload">
      {complaint && (
        <Notice tone="danger" title="Nothing was uploaded" live="alert">
          <p>{complaint}</p>
        </Notice>
      )}
      {!complaint && step.name === 'refused' && (
        <>
          <p className="muted">
            “{step.file.name}” ({formatBytes(step.file.size)}) was refused. Nothing was stored.
          </p>
          <ProblemNotice problem={step.problem} />
        </>
      )}
      <DropZone
        hint={`One .zip file, at most ${formatBytes(maxBytes)}`}
        onFiles={choose}
        onFolder={() => {
          setComplaint('That is a folder. Compress its contents to a .zip file first.');
          setStep({ name: 'choosing' });
        }}
      />
    </div>
  );
}
