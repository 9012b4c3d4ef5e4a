import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { Button } from '../components/Button';
import { CodeList } from '../components/CodeList';
import { DescriptionItem, DescriptionList } from '../components/DescriptionList';
import { Notice } from '../components/Notice';
import { formatBytes } from '../lib/format';
import type { Installed } from '../lib/types';
import { describeNamespace } from './importNamespaces';
import './UploadPage.css';

/** A bundle that was installed: what the upload gate found in it, and the way to consent. */
export function UploadReport({ installed, onAnother }: { installed: Installed; onAnother: () => void }) {
  const { plugin, version, report } = installed;
  const waits = plugin.pending?.version === version;
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    heading.current?.focus();
  }, []);

  return (
    <>
      <div className="upload">
        <Notice tone={waits ? 'warning' : 'success'}>
          <h2 ref={heading} tabIndex={-1} className="notice-title">
            {plugin.title} {version} is installed
          </h2>
          <p>{nextStep(installed)}</p>
        </Notice>
        <div className="button-row">
          <Link to={`/plugins/${plugin.slug}`} className="button button-primary">
            {waits ? 'Look at what it asks for' : 'Open the plugin'}
          </Link>
          <Button onClick={onAnother}>Upload another</Button>
        </div>
      </div>
      <section aria-labelledby="report-heading" className="section">
        <h2 id="report-heading">What was found in it</h2>
        <div className="card">
          <DescriptionList>
            <DescriptionItem term="Module">{formatBytes(report.wasm_bytes)}</DescriptionItem>
            <DescriptionItem term="Memory">
              begins with {Number(report.memory_mb.toFixed(1))} MiB, at most {plugin.limits.memory_mb} MiB
            </DescriptionItem>
            <DescriptionItem term="Functions" wide>
              <CodeList items={report.functions} none="None" />
            </DescriptionItem>
            <DescriptionItem term="Permissions it asks for" wide>
              <CodeList items={report.permissions} none="None: it cannot reach any data on the server" />
            </DescriptionItem>
            <DescriptionItem term="Addresses it asks for" wide>
              <CodeList items={report.network} none="None: it reaches nothing outside" />
            </DescriptionItem>
            {report.imports.map(({ namespace, names }) => (
              <DescriptionItem
                key={namespace}
                term={`Imports from ${namespace}: ${describeNamespace(namespace)}`}
                wide
              >
                <CodeList items={names} none="None" />
              </DescriptionItem>
            ))}
          </DescriptionList>
        </div>
      </section>
    </>
  );
}

function nextStep({ plugin, version }: Installed): string {
  if (plugin.pending?.version === version) {
    return plugin.active_version
      ? `It asks for more than ${plugin.active_version}, which keeps serving until you decide.`
      : 'Nothing of it runs until you have looked at what it asks for.';
  }
  if (plugin.active_version === version) return 'It serves from the next call on, with the permissions held.';
  return `It was here before; ${plugin.active_version} keeps serving.`;
}
