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

/** An installed bundle: what the server found in it, and a link to the consent. */
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
            {waits ? 'Review permissions' : 'Open plugin'}
          </Link>
          <Button onClick={onAnother}>Upload another</Button>
        </div>
      </div>
      <section aria-labelledby="report-heading" className="section">
        <h2 id="report-heading">Contents</h2>
        <div className="card">
          <DescriptionList>
            <DescriptionItem term="Module">{formatBytes(report.wasm_bytes)}</DescriptionItem>
            <DescriptionItem term="Memory">
              starts with {Number(report.memory_mb.toFixed(1))} MiB, at most {plugin.limits.memory_mb} MiB
            </DescriptionItem>
            <DescriptionItem term="Functions" wide>
              <CodeList items={report.functions} none="None" />
            </DescriptionItem>
            <DescriptionItem term="Requested permissions" wide>
              <CodeList items={report.permissions} none="None: it cannot access any data on the server" />
            </DescriptionItem>
            <DescriptionItem term="Requested addresses" wide>
              <CodeList items={report.network} none="None: it cannot reach other servers" />
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
      ? `It asks for more access than ${plugin.active_version}, which stays active until you decide.`
      : 'It cannot run until you approve what it asks for.';
  }
  if (plugin.active_version === version)
    return 'It is active from the next call, with the permissions granted before.';
  return `This release was already installed. ${plugin.active_version} stays active.`;
}
