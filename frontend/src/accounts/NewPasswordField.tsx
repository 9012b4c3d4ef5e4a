import type { ComponentProps } from 'react';
import { TextField } from '../components/TextField';

type TextFieldProps = ComponentProps<typeof TextField>;

/** A password that somebody chooses. */
export function NewPasswordField(props: Omit<TextFieldProps, 'type' | 'required' | 'autoComplete' | 'hint'>) {
  return (
    <TextField
      {...props}
      type="password"
      required
      autoComplete="new-password"
      hint="Long beats complicated: a few unrelated words work well."
    />
  );
}
