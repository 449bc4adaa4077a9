import { mount } from 'svelte';
import { openCore } from './core';
import { Session } from './state/session.svelte';
import { speak } from './words';
import App from './views/App.svelte';
import { PictureReport } from './views/video/report';
import './views/fonts.css';
import './views/app.css';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

// The settings may say otherwise as soon as they are here.
await speak('system');
const core = await openCore();
// A window that cannot say so draws nothing.
if (await core.drawsPictures().catch(() => false)) {
  document.documentElement.classList.add('native');
  new PictureReport((layout) => core.layOutPictures(layout));
}
const session = new Session(core);
mount(App, { target, props: { session } });
await session.start();
