import './CodeList.css';

/** Names in a row, without duplicates; `none` is shown instead of an empty list. */
export function CodeList({ items, none }: { items: string[]; none: string }) {
  if (items.length === 0) return <>{none}</>;
  return (
    <ul className="code-list">
      {[...new Set(items)].map((item) => (
        <li key={item}>
          <code>{item}</code>
        </li>
      ))}
    </ul>
  );
}
