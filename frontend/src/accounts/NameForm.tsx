import { Button } from '../components/Button';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useDraft } from '../hooks/useDraft';
import { useSession } from '../hooks/useSession';
import { useSubmit } from '../hooks/useSubmit';
import { useToasts } from '../hooks/useToasts';
import { changeAccount } from '../lib/api';
import { errorFor } from '../lib/problem';
import type { User } from '../lib/types';
import { EmailStatus } from './EmailStatus';

export function NameForm({ user }: { user: User }) {
  const { update } = useSession();
  const { show } = useToasts();
  const [draft, change, drop] = useDraft('name', { name: user.name });
  const { submit, busy, problem } = useSubmit(async () => {
    update(await changeAccount({ name: draft.name }));
    drop();
    show({ tone: 'success', title: 'Name saved' });
  });
  return (
    <form className="card card-body" onSubmit={submit} noValidate>
      {problem && <ProblemNotice problem={problem} shownFields={['name']} />}
      <EmailStatus user={user} />
      <TextField
        label="Name"
        name="name"
        required
        maxLength={150}
        autoComplete="name"
        value={draft.name}
        onChange={(event) => change({ name: event.target.value })}
        error={errorFor(problem, 'name')}
      />
      <div>
        <Button type="submit" look="primary" busy={busy}>
          Save
        </Button>
      </div>
    </form>
  );
}
