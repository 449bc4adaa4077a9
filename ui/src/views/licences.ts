// The licences as their packages have them. They are wanted hardly ever, so this is loaded when somebody opens them.
import icu from '../../node_modules/@formatjs/icu-messageformat-parser/LICENSE.md?raw';
import inter from '../../node_modules/@fontsource-variable/inter/LICENSE?raw';
import formatjs from '../../node_modules/intl-messageformat/LICENSE.md?raw';
import freehand from '../../node_modules/perfect-freehand/LICENSE?raw';
import svelte from '../../node_modules/svelte/LICENSE.md?raw';
import tauri from '../../node_modules/@tauri-apps/api/LICENSE-MIT?raw';
import uqr from '../../node_modules/uqr/LICENSE?raw';

/** One below the other, as they are read. */
export const LICENCES = [
  ['Inter', inter],
  ['Svelte', svelte],
  ['Tauri’s API', tauri],
  ['FormatJS: intl-messageformat', formatjs],
  ['FormatJS: icu-messageformat-parser', icu],
  ['perfect-freehand', freehand],
  ['uqr', uqr],
] as const;
