/** What stands beside the call in tabs, in their order. */
export const TABS = [
  { id: 'chat', title: 'Chat', key: 'C' },
  { id: 'people', title: 'People', key: 'P' },
  { id: 'files', title: 'Files', key: 'F' },
] as const;

export type Tab = (typeof TABS)[number]['id'];

/** What the panel shows: one of its tabs, or something that is looked up and put away again. */
export type PanelView = Tab | 'safety' | 'statistics';

export const TITLES: Readonly<Record<PanelView, string>> = {
  chat: 'Chat',
  people: 'People',
  files: 'Files',
  safety: 'Safety number',
  statistics: 'Statistics',
};

export function isTab(view: PanelView): view is Tab {
  return TABS.some(({ id }) => id === view);
}
