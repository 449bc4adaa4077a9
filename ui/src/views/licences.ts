// The licences as their packages have them. They are wanted hardly ever, so this is loaded when somebody opens them.
import inter from '../../node_modules/@fontsource-variable/inter/LICENSE?raw';
import freehand from '../../node_modules/perfect-freehand/LICENSE?raw';
import svelte from '../../node_modules/svelte/LICENSE.md?raw';
import tauri from '../../node_modules/@tauri-apps/api/LICENSE-MIT?raw';
import uqr from '../../node_modules/uqr/LICENSE?raw';

/** One below the other, as they are read. */
export const LICENCES = [
  ['Inter', inter],
  ['Svelte', svelte],
  ['Tauri’s API', tauri],
  ['perfect-freehand', freehand],
  ['uqr', uqr],
] as const;
