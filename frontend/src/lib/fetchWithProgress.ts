// A fetch that reports upload progress. It uses XMLHttpRequest, because fetch has no such reports.

export interface Upload {
  method: string;
  headers: Headers;
  body: XMLHttpRequestBodyInit;
  signal: AbortSignal | null;
}

/** Resolves and rejects as fetch does, within one origin. `onProgress` receives the part that has been sent, from 0 to 1. */
export function fetchWithProgress(
  address: string,
  { method, headers, body, signal }: Upload,
  onProgress: (sent: number) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = 'arraybuffer';
    headers.forEach((value, name) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total);
    };
    request.upload.onload = () => onProgress(1);
    request.onload = () => resolve(responseOf(request));
    request.onerror = () => reject(new TypeError('No response.'));
    request.onabort = () => reject(new DOMException('The upload was aborted.', 'AbortError'));
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}

function responseOf(request: XMLHttpRequest): Response {
  const { status } = request;
  const lines = request.getAllResponseHeaders().trim().split('\r\n').filter(Boolean);
  const headers = lines.map((line): [string, string] => {
    const [name = '', ...value] = line.split(': ');
    return [name, value.join(': ')];
  });
  const hasBody = status !== 204 && status !== 205 && status !== 304; // Response allows no body for these
  return new Response(hasBody ? (request.response as ArrayBuffer) : null, { status, headers });
}
