import './PluginIcon.css';

const HUES = 6;

/** The plugin's first letter on a colour derived from its slug. */
export function PluginIcon({ slug, title, large }: { slug: string; title: string; large?: boolean }) {
  const hue =
    Array.from(slug).reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7) % HUES;
  return (
    <span className={`plugin-icon hue-${hue} ${large ? 'plugin-icon-large' : ''}`} aria-hidden="true">
      {Array.from(title || slug)[0]?.toUpperCase()}
    </span>
  );
}
