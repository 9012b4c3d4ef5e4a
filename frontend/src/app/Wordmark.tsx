import { Link } from 'react-router';
import './Wordmark.css';

export function Wordmark() {
  return (
    <Link to="/" className="wordmark">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="8" />
        <path d="M5.5 21.5h21M11 8v16.5M21 8v16.5" />
        <path d="M5.5 17C8.5 15.5 10.3 12 11 8.5C12 14 20 14 21 8.5C21.7 12 23.5 15.5 26.5 17" />
      </svg>
      <span>Hostbridge</span>
    </Link>
  );
}
