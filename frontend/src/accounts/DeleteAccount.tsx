import { useState } from 'react';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { TextField } from '../components/TextField';
import { useSession } from '../hooks/useSession';
import { ApiProblem, errorFor } from '../lib/problem';

/** Deletes the account. Asks for the password again, so that an unattended browser is not enough. */
export function DeleteAccount() {
  const { deleteAccount } = useSession();
  const [asking, setAsking] = useState(false);
  const [password, setPassword] = useState('');
  const [wrong, setWrong] = useState<string>();

  async function goAhead() {
    try {
      await deleteAccount(password);
    } catch (error) {
      setWrong(error instanceof ApiProblem ? errorFor(error, 'password') : undefined);
      throw error;
    }
  }

  return (
    <section aria-labelledby="delete-heading" className="section">
      <h2 id="delete-heading">Delete your account</h2>
      <div className="card card-body">
        <p>
          This permanently deletes your account, your sessions and your access tokens. It cannot be undone.
        </p>
        <div>
          <Button look="danger" icon="trash" onClick={() => setAsking(true)}>
            Delete account
          </Button>
        </div>
      </div>
      {asking && (
        <ConfirmDialog
          danger
          title="Permanently delete your account?"
          confirm="Delete permanently"
          shownFields={['password']}
          onConfirm={goAhead}
          onClose={() => {
            setAsking(false);
            setPassword('');
            setWrong(undefined);
          }}
        >
          <p>Enter your password to confirm.</p>
          <TextField
            label="Password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            error={wrong}
          />
        </ConfirmDialog>
      )}
    </section>
  );
}
