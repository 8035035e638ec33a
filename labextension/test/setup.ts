import { vi } from 'vitest';

// JupyterLab's dialogs wait for an idle moment, which happy-dom never has
vi.stubGlobal('requestIdleCallback', (act: () => void) => setTimeout(act));
