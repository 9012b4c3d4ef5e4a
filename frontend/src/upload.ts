// Sends a form and tells how much of it is on its way. XMLHttpRequest, as fetch cannot tell that.
import { asProblem, problemFromBody } from './problem';

/**
 * Posts the form. `onProgress` hears the part that is sent, from 0 to 1. Throws ApiProblem, and an AbortError
 * when the signal gives up.
 */
export function sendForm(
  address: string,
  form: FormData,
  csrfToken: string,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open('POST', address);
    request.setRequestHeader('Accept', 'application/json, application/problem+json');
    request.setRequestHeader('X-CSRFToken', csrfToken);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total);
    };
    request.upload.onload = () => onProgress(1);
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300) resolve(body);
      else reject(problemFromBody(body, request.status, retryAfter(request)));
    };
    // The same words as for a fetch that got no answer.
    request.onerror = () => reject(asProblem(new TypeError('no answer')));
    request.onabort = () => reject(new DOMException('The upload was given up.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page, say: the status has to tell the story
  }
}

function retryAfter(request: XMLHttpRequest): Headers {
  const seconds = request.getResponseHeader('Retry-After');
  return new Headers(seconds ? { 'Retry-After': seconds } : {});
}
