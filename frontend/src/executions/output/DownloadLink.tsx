import { useEffect, useState } from 'react';
import { Icon } from '../../components/Icon';
import type { Output } from '../../lib/output';

/** Downloads the whole output, byte for byte. */
export function DownloadLink({
  output,
  fileName,
  extension = { json: 'json', text: 'txt', binary: 'bin' }[output.kind],
}: {
  output: Output;
  fileName: string;
  extension?: string;
}) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const created = URL.createObjectURL(new Blob([output.data], { type: 'application/octet-stream' }));
    // eslint-disable-next-line react-hooks/set-state-in-effect -- an object URL must be revoked, so an effect owns it
    setUrl(created);
    return () => URL.revokeObjectURL(created);
  }, [output]);
  return (
    <a className="button button-quiet button-small" href={url} download={`${fileName}.${extension}`}>
      <Icon name="download" />
      Download
    </a>
  );
}
