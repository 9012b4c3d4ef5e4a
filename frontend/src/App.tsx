// Which page is shown, depending on the address and on who is there.
import { lazy, Suspense, type ReactNode } from 'react';
import { Navigate, Outlet, Route, Routes, useLocation } from 'react-router';
import { ActivityProvider } from './activity';
import { AppLayout } from './components/AppLayout';
import { CardOnItsWay } from './components/CardOnItsWay';
import { ErrorBoundary } from './components/ErrorBoundary';
import { PlainLayout } from './components/PlainLayout';
import { CataloguePage } from './pages/CataloguePage';
import { HomePage } from './pages/HomePage';
import { LogInPage } from './pages/LogInPage';
import { NotFoundPage } from './pages/NotFoundPage';
import { PluginPage } from './pages/PluginPage';
import { SetUpPage } from './pages/SetUpPage';
import { SignUpPage } from './pages/SignUpPage';
import { StartPage } from './pages/StartPage';
import { useSession } from './session';
import { ToastProvider } from './toasts';

const ForgotPasswordPage = lazy(() => import('./pages/ForgotPasswordPage'));
const ResetPasswordPage = lazy(() => import('./pages/ResetPasswordPage'));
const VerifyEmailPage = lazy(() => import('./pages/VerifyEmailPage'));
const ConvertPage = lazy(() => import('./pages/ConvertPage'));
const ExecutionsPage = lazy(() => import('./pages/ExecutionsPage'));
const ExecutionPage = lazy(() => import('./pages/ExecutionPage'));
const UploadPage = lazy(() => import('./pages/UploadPage'));
const SandboxPage = lazy(() => import('./pages/SandboxPage'));
const TokensPage = lazy(() => import('./pages/TokensPage'));
const ProfilePage = lazy(() => import('./pages/ProfilePage'));

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
      <Route path="*" element={<LostPage />} />
    </Routes>
  );
}

function PlainPages() {
  const { pathname } = useLocation();
  return (
    <PlainLayout>
      <ErrorBoundary resetKey={pathname}>
        <Suspense fallback={<CardOnItsWay />}>
          <Outlet />
        </Suspense>
      </ErrorBoundary>
    </PlainLayout>
  );
}

/** Pages for people who are logged in; others log in first and come back. */
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

function LostPage() {
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
    <ActivityProvider key={userId}>
      <ToastProvider>
        <AppLayout>{children}</AppLayout>
      </ToastProvider>
    </ActivityProvider>
  );
}
