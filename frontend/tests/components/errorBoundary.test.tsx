import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { ErrorBoundary } from '../../src/components/ErrorBoundary';

function Page({ broken }: { broken: boolean }) {
  if (broken) throw new Error('broken');
  return <p>All is well</p>;
}

afterEach(cleanup);

test('an error shows a reload button, and another page renders again', () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const onError = vi.fn();
  const page = (path: string, broken: boolean) => (
    <ErrorBoundary resetKey={path} onError={onError}>
      <Page broken={broken} />
    </ErrorBoundary>
  );
  const { rerender } = render(page('/a', true));
  expect(screen.getByRole('button', { name: 'Reload' })).toBeTruthy();
  expect(onError).toHaveBeenCalledOnce();
  rerender(page('/b', false));
  expect(screen.getByText('All is well')).toBeTruthy();
});
