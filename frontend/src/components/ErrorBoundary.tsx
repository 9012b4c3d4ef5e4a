import { Component, type ReactNode } from 'react';
import { PageError } from './PageError';

interface Props {
  children: ReactNode;
  /** Shown instead of the children after an error. Defaults to `PageError`. */
  fallback?: ReactNode;
  onError?: () => void;
  /** A new value renders the children again. */
  resetKey?: string;
}

/** Confines an error in one part of the page to that part. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidCatch() {
    this.props.onError?.();
  }

  override componentDidUpdate(before: Props) {
    if (this.state.failed && before.resetKey !== this.props.resetKey) this.setState({ failed: false });
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return this.props.fallback === undefined ? <PageError /> : this.props.fallback;
  }
}
