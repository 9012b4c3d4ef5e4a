import { configure } from '@testing-library/react';

// A busy machine takes its time; a test that fails waits this long once.
configure({ asyncUtilTimeout: 10_000 });
