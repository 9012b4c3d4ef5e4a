import type { ReactNode } from 'react';
import { CopyButton } from './CopyButton';
import './CopyableCode.css';

/** An identifier with a button that copies all of it; `children` is a shorter form to show. */
export function CopyableCode({
  text,
  label,
  children = text,
}: {
  text: string;
  label: string;
  children?: ReactNode;
}) {
  return (
    <span className="copyable">
      <code title={children === text ? undefined : text}>{children}</code>
      <CopyButton text={text} hiddenLabel={label} />
    </span>
  );
}
