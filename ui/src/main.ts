import { mount } from 'svelte';
import { openCore } from './core';
import { Session } from './state/session.svelte';
import { speak } from './words';
import App from './views/App.svelte';
import './views/fonts.css';
import './views/app.css';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

// The settings may say otherwise as soon as they are here.
await speak('system');
const session = new Session(await openCore());
mount(App, { target, props: { session } });
await session.start();
