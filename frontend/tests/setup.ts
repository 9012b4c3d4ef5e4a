import { configure } from '@testing-library/react';

// Long enough for a busy machine; only a failing test waits this long.
configure({ asyncUtilTimeout: 10_000 });
