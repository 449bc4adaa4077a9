// Every screen: which scene of the mock core it begins with, and what a person does there.
const requestClose = (page) => page.evaluate(() => dispatchEvent(new Event('close-requested')));
const drag = (detail) => (page) =>
  page.evaluate((detail) => dispatchEvent(new CustomEvent('mock-drag', { detail })), detail);
const press = (key) => (page) => page.keyboard.press(key);
const click = (id) => (page) => page.getByTestId(id).first().click();
/** In a narrow window reactions and what people do together are in the other menu. */
const menuOf = (id) => async (page) => {
  const menu = page.getByTestId(id);
  await ((await menu.count()) > 0 ? menu : page.getByTestId('more-menu')).click();
};
const then =
  (...steps) =>
  async (page) => {
    for (const step of steps) await step(page);
  };
export const screens = [
  { name: 'home' },
  { name: 'home-empty' },
  { name: 'home-files' },
  {
    name: 'home-bad-code',
    scene: 'home',
    then: (page) => page.getByTestId('code-field').fill('kqz4m8trxp22'),
  },
  { name: 'lobby', scene: 'home', then: click('new-call') },
  { name: 'lobby-devices', scene: 'home', then: then(click('new-call'), click('devices')) },
  { name: 'lobby-nothing', then: click('new-call') },
  { name: 'lobby-none', then: click('new-call') },
  { name: 'lobby-muted', scene: 'home', then: then(click('new-call'), press('m')) },
  { name: 'lobby-again', scene: 'home', then: click('call-again') },
  {
    name: 'lobby-failed',
    scene: 'home',
    then: async (page) => {
      await page.getByTestId('code-field').pressSequentially('kqz4m8trxp');
      await page.getByTestId('code-field').press('Enter');
      await page.getByTestId('lobby-join').click();
    },
  },
  { name: 'settings', scene: 'home', then: click('settings') },
  ...['devices', 'calls', 'notifications', 'connection', 'about'].map((page) => ({
    name: `settings-${page}`,
    scene: 'home',
    then: then(click('settings'), click(`settings-${page}`)),
  })),
  {
    name: 'settings-licences',
    scene: 'home',
    then: then(click('settings'), click('settings-about'), (page) => page.locator('summary').click()),
  },
  {
    name: 'settings-server',
    scene: 'home',
    then: async (page) => {
      await click('settings')(page);
      await click('settings-connection')(page);
      await page.getByTestId('setting-server').fill('calls.example.org');
      await page.keyboard.press('Tab');
    },
  },
  {
    name: 'settings-focus',
    scene: 'home',
    then: async (page) => {
      await click('settings')(page);
      await page.getByTestId('setting-mirrorSelfView').focus();
      await page.keyboard.press('Shift+Tab');
    },
  },
  { name: 'joining' },
  { name: 'alone' },
  { name: 'alone-qr', scene: 'alone', then: click('show-qr') },
  { name: 'alone-server-lost' },
  { name: 'alone-local-lost' },
  { name: 'left' },
  { name: 'left-waiting', scene: 'left', then: click('left-wait') },
  { name: 'test-call' },
  { name: 'connecting' },
  { name: 'one' },
  { name: 'one-muted', scene: 'one', then: press('m') },
  { name: 'one-none' },
  { name: 'one-upright' },
  { name: 'close-window', scene: 'one', then: requestClose },
  { name: 'invite', scene: 'one', then: then(click('more-menu'), click('more-invite')) },
  {
    name: 'self-view-focus',
    scene: 'one',
    then: async (page) => {
      await press('ArrowUp')(page);
      await page.getByTestId('self-view').focus();
      await press('ArrowLeft')(page);
    },
  },
  { name: 'one-camera-off' },
  { name: 'mic-menu', scene: 'one', then: click('mic-menu') },
  { name: 'more-menu', scene: 'one', then: click('more-menu') },
  { name: 'statistics', scene: 'one', then: press('t') },
  { name: 'keys', scene: 'one', then: press('?') },
  { name: 'reconnecting' },
  { name: 'knocking' },
  { name: 'three' },
  { name: 'three-spotlight', scene: 'three', then: press('w') },
  { name: 'five' },
  { name: 'five-people', scene: 'five', then: then(press('p'), click('person-more')) },
  { name: 'eight' },
  { name: 'eight-people', scene: 'eight', then: press('p') },
  { name: 'twelve' },
  { name: 'twelve-second', scene: 'twelve', then: press('PageDown') },
  { name: 'twelve-spotlight', scene: 'twelve', then: press('w') },
  { name: 'twelve-people', scene: 'twelve', then: press('p') },
  { name: 'chat', then: press('c') },
  { name: 'chat-message', scene: 'chat', then: then(press('c'), click('chat-more')) },
  { name: 'chat-narrow-closed', scene: 'chat' },
  { name: 'chat-link', scene: 'chat', then: then(press('c'), click('chat-link')) },
  { name: 'files', then: press('c') },
  { name: 'files-list', scene: 'files', then: then(press('f'), click('file-all')) },
  { name: 'files-own', then: press('c') },
  { name: 'files-trouble', then: press('c') },
  { name: 'files-trouble-list', scene: 'files-trouble', then: press('f') },
  { name: 'files-none', scene: 'three', then: press('f') },
  { name: 'files-cancel', scene: 'files', then: then(press('f'), click('file-cancel')) },
  { name: 'files-attach', scene: 'chat', then: then(press('c'), click('attach')) },
  { name: 'files-to-send', scene: 'chat', then: press('o') },
  { name: 'files-sent', scene: 'chat', then: then(press('o'), click('chat-send')) },
  { name: 'files-drop', scene: 'three', then: drag({ type: 'over', count: 3 }) },
  { name: 'files-drop-nowhere', scene: 'home', then: drag({ type: 'over', count: 1 }) },
  { name: 'files-closed', scene: 'files' },
  { name: 'knocks' },
  { name: 'knocks-people', scene: 'knocks', then: press('p') },
  { name: 'react-menu', scene: 'three', then: menuOf('react-menu') },
  { name: 'together-menu', scene: 'three', then: menuOf('together-menu') },
  { name: 'board-empty', scene: 'three', then: press('b') },
  { name: 'board', then: press('b') },
  { name: 'board-notice', scene: 'board' },
  { name: 'board-chosen', scene: 'board', then: then(press('b'), press('s'), press('Control+a')) },
  { name: 'board-choice', scene: 'board', then: then(press('b'), press('r'), click('board-choice')) },
  { name: 'board-list', scene: 'board', then: then(press('b'), click('board-things')) },
  { name: 'board-more', scene: 'board', then: then(press('b'), click('board-more')) },
  {
    name: 'board-note',
    scene: 'board',
    then: then(press('b'), press('n'), press('Enter'), (page) => page.keyboard.type('A note of mine')),
  },
  { name: 'board-lost', then: press('b') },
  { name: 'board-2000', then: press('b') },
  { name: 'board-chat', scene: 'board', then: then(press('b'), press('c')) },
  { name: 'game', then: press('g') },
  { name: 'game-countdown', then: press('g') },
  { name: 'game-over', then: press('g') },
  { name: 'game-offer', then: press('g') },
  { name: 'game-told', scene: 'game-offer' },
  { name: 'game-none', scene: 'three', then: press('g') },
  { name: 'game-lobby', scene: 'game-offer', then: then(press('g'), click('game-join')) },
  { name: 'sketch', then: press('g') },
  { name: 'sketch-draw', then: press('g') },
  { name: 'sketch-choose', then: press('g') },
  { name: 'sketch-pause', then: press('g') },
  { name: 'sketch-over', then: press('g') },
  { name: 'sketch-offer', then: press('g') },
  { name: 'sketch-lobby', scene: 'sketch-offer', then: then(press('g'), click('game-join')) },
  { name: 'sketch-chat', scene: 'sketch', then: then(press('g'), press('Escape'), press('g'), press('c')) },
  { name: 'hands', then: then(press('1'), press('6')) },
  { name: 'recording', then: press('p') },
  { name: 'recording-menu', scene: 'recording', then: menuOf('more-menu') },
  { name: 'safety', scene: 'three', then: press('e') },
  { name: 'trust', then: press('e') },
  { name: 'trust-differ', scene: 'three', then: then(press('e'), click('safety-differs')) },
  { name: 'verified', then: press('e') },
  { name: 'paused' },
  { name: 'sharing' },
  {
    name: 'share-sound',
    scene: 'three',
    then: then(press('d'), click('share-sound'), click('share-choice')),
  },
  { name: 'six' },
  { name: 'after' },
];
