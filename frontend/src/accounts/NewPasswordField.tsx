import type { ComponentProps } from 'react';
import { TextField } from '../components/TextField';

type TextFieldProps = ComponentProps<typeof TextField>;

/** A field to choose a new password. */
export function NewPasswordField(props: Omit<TextFieldProps, 'type' | 'required' | 'autoComplete' | 'hint'>) {
  return (
    <TextField
      {...props}
      type="password"
      required
      autoComplete="new-password"
      hint="Use a long password, such as a few unrelated words."
    />
  );
}
