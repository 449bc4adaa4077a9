import { t } from '../words';

/** What stands beside the call in tabs, in their order. */
export const TABS = [
  {
    id: 'chat',
    get title() {
      return t('call.chat');
    },
    key: 'C',
  },
  {
    id: 'people',
    get title() {
      return t('call.people');
    },
    key: 'P',
  },
  {
    id: 'files',
    get title() {
      return t('call.files');
    },
    key: 'F',
  },
] as const;

export type Tab = (typeof TABS)[number]['id'];

/** What the panel shows: one of its tabs, or something that is looked up and put away again. */
export type PanelView = Tab | 'safety' | 'statistics';

export function panelTitle(view: PanelView): string {
  switch (view) {
    case 'chat':
      return t('call.chat');
    case 'people':
      return t('call.people');
    case 'files':
      return t('call.files');
    case 'safety':
      return t('call.safety_number');
    case 'statistics':
      return t('call.statistics');
  }
}

/** What the button that closes it says. */
export function closeSays(view: PanelView): string {
  return t('call.close_panel', { view });
}

export function isTab(view: PanelView): view is Tab {
  return TABS.some(({ id }) => id === view);
}
