// The routes: which page is shown, by address and by who is logged in.
import { lazy, Suspense, type ReactNode } from 'react';
import { Navigate, Outlet, Route, Routes, useLocation } from 'react-router';
import { LogInPage } from '../accounts/LogInPage';
import { SetUpPage } from '../accounts/SetUpPage';
import { SignUpPage } from '../accounts/SignUpPage';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { NotFoundPage } from '../components/NotFoundPage';
import { ActivityProvider } from '../executions/activity/useActivity';
import { HomePage } from '../home/HomePage';
import { FeedProvider } from '../hooks/useFeed';
import { useSession } from '../hooks/useSession';
import { ToastProvider } from '../hooks/useToasts';
import { CataloguePage } from '../plugins/CataloguePage';
import { PluginPage } from '../plugins/PluginPage';
import { AppLayout } from './AppLayout';
import { LoadingCard } from './LoadingCard';
import { PlainLayout } from './PlainLayout';
import { StartPage } from './StartPage';

const ForgotPasswordPage = lazy(() => import('../accounts/ForgotPasswordPage'));
const ResetPasswordPage = lazy(() => import('../accounts/ResetPasswordPage'));
const VerifyEmailPage = lazy(() => import('../accounts/VerifyEmailPage'));
const ConvertPage = lazy(() => import('../convert/ConvertPage'));
const ExecutionsPage = lazy(() => import('../executions/ExecutionsPage'));
const ExecutionPage = lazy(() => import('../executions/ExecutionPage'));
const UploadPage = lazy(() => import('../administration/UploadPage'));
const SandboxPage = lazy(() => import('../administration/SandboxPage'));
const TokensPage = lazy(() => import('../accounts/TokensPage'));
const ProfilePage = lazy(() => import('../accounts/ProfilePage'));

export function App() {
  const { state } = useSession();
  if (state.status === 'loading' || state.status === 'failed') return <StartPage />;
  if (state.status === 'setup') {
    return (
      <PlainLayout>
        <SetUpPage />
      </PlainLayout>
    );
  }
  return (
    <Routes>
      <Route element={<PlainPages />}>
        <Route path="login" element={<LogInPage />} />
        <Route path="signup" element={<SignUpPage />} />
        <Route path="forgot-password" element={<ForgotPasswordPage />} />
        <Route path="reset-password" element={<ResetPasswordPage />} />
        <Route path="verify-email" element={<VerifyEmailPage />} />
      </Route>
      <Route element={<UserPages />}>
        <Route index element={<HomePage />} />
        <Route path="plugins" element={<CataloguePage />} />
        <Route path="convert" element={<ConvertPage />} />
        <Route path="upload" element={<UploadPage />} />
        <Route path="sandbox" element={<SandboxPage />} />
        <Route path="plugins/:slug/:function?" element={<PluginPage />} />
        <Route path="executions" element={<ExecutionsPage />} />
        <Route path="executions/:id" element={<ExecutionPage />} />
        <Route path="tokens" element={<TokensPage />} />
        <Route path="profile" element={<ProfilePage />} />
      </Route>
      <Route path="*" element={<UnknownPage />} />
    </Routes>
  );
}

function PlainPages() {
  const { pathname } = useLocation();
  return (
    <PlainLayout>
      <ErrorBoundary resetKey={pathname}>
        <Suspense fallback={<LoadingCard />}>
          <Outlet />
        </Suspense>
      </ErrorBoundary>
    </PlainLayout>
  );
}

/** Pages for users who are logged in. Others are sent to log in, and come back afterwards. */
function UserPages() {
  const { state, user } = useSession();
  const location = useLocation();
  if (!user) {
    const ended = state.status === 'ready' ? state.ended : null;
    return (
      <Navigate
        to="/login"
        replace
        state={{ from: ended === 'logged-out' ? null : location, notice: ended }}
      />
    );
  }
  return (
    <UserFrame userId={user.id}>
      <Outlet />
    </UserFrame>
  );
}

function UnknownPage() {
  const { user } = useSession();
  if (!user) {
    return (
      <PlainLayout>
        <NotFoundPage />
      </PlainLayout>
    );
  }
  return (
    <UserFrame userId={user.id}>
      <NotFoundPage />
    </UserFrame>
  );
}

function UserFrame({ userId, children }: { userId: string; children: ReactNode }) {
  return (
    <FeedProvider key={userId}>
      <ActivityProvider>
        <ToastProvider>
          <AppLayout>{children}</AppLayout>
        </ToastProvider>
      </ActivityProvider>
    </FeedProvider>
  );
}
