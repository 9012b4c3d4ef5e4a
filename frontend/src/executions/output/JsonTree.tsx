import { useMemo, useState } from 'react';
import { Button } from '../../components/Button';
import { Icon } from '../../components/Icon';
import { counted } from '../../lib/format';
import { ExactNumber, isBranch, membersOf, parseExact, type Branch, type Json } from '../../lib/json';
import { OutputNote } from './OutputNote';
import './JsonText.css';
import './JsonTree.css';

/** How many members and characters are shown at first. A button shows more members; the raw view shows long strings. */
const MEMBERS_SHOWN = 100;
const LONGEST_TEXT = 5_000;
/** What is open at first: the top level, and small branches below it. */
const OPEN_DEPTH = 3;
const OPEN_MEMBERS = 12;

/** Valid JSON as nested lists that open and close. Closed branches are not rendered. */
export function JsonTree({ text, label }: { text: string; label: string }) {
  const parsed = useMemo(() => parseExact(text), [text]);
  if (!parsed) return <OutputNote>This is nested too deeply for a tree. Use the raw view.</OutputNote>;
  return (
    <ul className="json-tree" aria-label={label}>
      <Member value={parsed.value} depth={0} />
    </ul>
  );
}

/** `name` is null at the top level. */
function Member({ name = null, value, depth }: { name?: string | null; value: Json; depth: number }) {
  if (isBranch(value)) return <BranchMember name={name} branch={value} depth={depth} />;
  return (
    <li className="json-member">
      {name !== null && <MemberName name={name} />}
      <Leaf value={value} />
    </li>
  );
}

function BranchMember({ name, branch, depth }: { name: string | null; branch: Branch; depth: number }) {
  const members = useMemo(() => membersOf(branch), [branch]);
  const [open, setOpen] = useState(depth === 0 || (depth < OPEN_DEPTH && members.length <= OPEN_MEMBERS));
  const [shown, setShown] = useState(MEMBERS_SHOWN);
  return (
    <li className="json-member">
      <button type="button" className="json-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? 'chevronDown' : 'chevronRight'} size={12} />
        {name !== null && <MemberName name={name} />}
        <span className="muted">
          {Array.isArray(branch)
            ? `[ ${counted(members.length, 'item')} ]`
            : `{ ${counted(members.length, 'member')} }`}
        </span>
      </button>
      {open && (
        <ul>
          {members.slice(0, shown).map(([key, value]) => (
            <Member key={key} name={key} value={value} depth={depth + 1} />
          ))}
        </ul>
      )}
      {open && members.length > shown && (
        <Button small look="quiet" onClick={() => setShown(shown + MEMBERS_SHOWN)}>
          Show more ({members.length - shown} left)
        </Button>
      )}
    </li>
  );
}

function MemberName({ name }: { name: string }) {
  return (
    <>
      <span className="json-key">{name}</span>
      {': '}
    </>
  );
}

function Leaf({ value }: { value: Json }) {
  if (typeof value === 'string') {
    const rest = value.length - LONGEST_TEXT;
    return (
      <>
        <span className="json-string">{JSON.stringify(value.slice(0, LONGEST_TEXT))}</span>
        {rest > 0 && <span className="muted"> and {counted(rest, 'more character')}</span>}
      </>
    );
  }
  if (value instanceof ExactNumber) return <span className="json-number">{value.source}</span>;
  if (typeof value === 'number') return <span className="json-number">{value}</span>;
  return <span className="json-word">{JSON.stringify(value)}</span>;
}
