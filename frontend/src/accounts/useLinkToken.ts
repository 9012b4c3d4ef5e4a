// The token of a link from an e-mail, as in /verify-email#token=…: browsers do not send the part after # to a server.
import { useEffect, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';

/** The message for an address without a token. */
export const INCOMPLETE = {
  title: 'This link is incomplete',
  detail: 'Open the link in the e-mail again, or copy all of it.',
};

/**
 * Removes the token from the address bar and the history, and returns it; '' if there is none. A second link opened
 * in the same tab replaces the first.
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
