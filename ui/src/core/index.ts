import type { Core } from './core';

/** The core that this build talks to. A production build contains the Tauri one only. */
export async function openCore(): Promise<Core> {
  if (import.meta.env.MODE === 'mock') {
    const { mockCore } = await import('./mock/core');
    return mockCore(new URLSearchParams(location.search));
  }
  const { TauriCore } = await import('./tauri');
  return new TauriCore();
}
