import { useNavigate } from 'react-router';
import { Button } from '../components/Button';
import { Notice } from '../components/Notice';
import { PageHeading } from '../components/PageHeading';
import { ProblemNotice } from '../components/ProblemNotice';
import { TextField } from '../components/TextField';
import { useSession } from '../hooks/useSession';
import { useSubmit } from '../hooks/useSubmit';
import { createOwner } from '../lib/api';
import { errorFor } from '../lib/problem';
import { AuthCard } from './AuthCard';
import { NewPasswordField } from './NewPasswordField';

export function SetUpPage() {
  const { logIn, retry } = useSession();
  const navigate = useNavigate();
  const { submit, busy, problem } = useSubmit(async (form) => {
    const owner = {
      code: form('code'),
      name: form('name'),
      email: form('email'),
      password: form('password'),
    };
    await createOwner({ ...owner, code: owner.code.trim() });
    await navigate('/', { replace: true });
    await logIn({ email: owner.email, password: owner.password });
  });
  const codeError =
    errorFor(problem, 'code') ?? (problem?.code === 'setup-code-wrong' ? problem.message : undefined);
  return (
    <AuthCard>
      <PageHeading title="Set up">Welcome to Hostbridge</PageHeading>
      <p className="lead">Create the owner account. The owner manages users and plugins on this server.</p>
      <Notice tone="accent" title="Where is the one-time code?">
        <p>
          The server printed it to its console when it started. This way, only someone who runs the server can
          create this account.
        </p>
      </Notice>
      {problem?.code === 'setup-done' ? (
        <Notice tone="warning" title={problem.title} live="alert">
          <p>The owner account already exists.</p>
          <Button small onClick={retry}>
            Log in
          </Button>
        </Notice>
      ) : (
        problem &&
        problem.code !== 'setup-code-wrong' && (
          <ProblemNotice problem={problem} shownFields={['code', 'name', 'email', 'password']} />
        )
      )}
      <form onSubmit={submit} noValidate>
        <TextField
          label="One-time code"
          name="code"
          required
          autoComplete="one-time-code"
          autoCapitalize="off"
          spellCheck={false}
          error={codeError}
        />
        <TextField label="Name" name="name" required autoComplete="name" error={errorFor(problem, 'name')} />
        <TextField
          label="E-mail"
          name="email"
          type="email"
          required
          autoComplete="username"
          error={errorFor(problem, 'email')}
        />
        <NewPasswordField label="Password" name="password" error={errorFor(problem, 'password')} />
        <Button type="submit" look="primary" busy={busy} className="button-wide">
          Create owner account
        </Button>
      </form>
    </AuthCard>
  );
}
