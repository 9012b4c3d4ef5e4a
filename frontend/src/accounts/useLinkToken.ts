// The secret of a link from an e-mail, as in /verify-email#token=…: no server sees what follows the #.
import { useEffect, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';

/** What is told of an address without a token. */
export const INCOMPLETE = {
  title: 'This link is not complete',
  detail: 'Open it from the e-mail once more, or copy all of it.',
};

/**
 * Takes the token out of the address, so that neither the address bar nor the history holds it; empty without one.
 * A second link that is opened in the same tab takes the first one's place.
 */
export function useLinkToken(): string {
  const { hash, pathname, search } = useLocation();
  const navigate = useNavigate();
  const [token, setToken] = useState('');
  const found = tokenIn(hash);
  if (found && found !== token) setToken(found);

  useEffect(() => {
    if (hash) void navigate({ pathname, search }, { replace: true });
  }, [hash, pathname, search, navigate]);

  return found || token;
}

export function tokenIn(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token')?.trim() ?? '';
}
