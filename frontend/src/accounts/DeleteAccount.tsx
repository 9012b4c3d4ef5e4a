import { useState } from 'react';
import { Button } from '../components/Button';
import { ConfirmDialog } from '../components/ConfirmDialog';
import { TextField } from '../components/TextField';
import { useSession } from '../hooks/useSession';
import { ApiProblem, errorFor } from '../lib/problem';

/** The way out. The password is asked for once more: an unwatched browser is not enough. */
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
        <p>Your account, your sessions and your access tokens go for good. There is no way back.</p>
        <div>
          <Button look="danger" icon="trash" onClick={() => setAsking(true)}>
            Delete account
          </Button>
        </div>
      </div>
      {asking && (
        <ConfirmDialog
          danger
          title="Delete your account for good?"
          confirm="Delete it"
          shownFields={['password']}
          onConfirm={goAhead}
          onClose={() => {
            setAsking(false);
            setPassword('');
            setWrong(undefined);
          }}
        >
          <p>To be sure that it is you, type your password.</p>
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
