// The viewer's side of the conversation with the page that opened it: loaded by the viewer at run time, never built.
//
// To the page (the parent of the frame, or the opener of a second window), always to our own origin only:
//   telerad:key-image  {id, study, series, sop, frame, png}   sop is null where a viewport shows no stored image (MPR)
//   telerad:key-series {id, study, series, sops}
//   telerad:study      {studies, active}      what the viewports show; on every change and as answer to telerad:which
//   telerad:activity   {}                     somebody works here; at most once a minute
//   telerad:refused    {status}               the server no longer gives these images
// From the page:
//   telerad:answer     {id, state, text}      state: received, kept, refused; text is shown instead of ours
//   telerad:which      {}                     ask for telerad:study
//   telerad:alarm      {text}                 red frame with this text while viewer and report differ; '' ends it
const { texts } = window.telerad;
const ANSWER_WITHIN = 3_000; // ms until the first answer
const KEPT_WITHIN = 60_000; // ms from "received" to "kept" or "refused"
const SETTLE_ATTEMPTS = 20;
const ACTIVITY_EVERY = 60_000; // ms

const waiting = new Map(); // message id -> timer
let services = null;
let subscriptions = [];
let lastShown = '';
let lastActivity = -Infinity;
let count = 0;

function page() {
  if (window.parent !== window) return window.parent;
  return window.opener && !window.opener.closed ? window.opener : null;
}

function post(type, content = {}) {
  page()?.postMessage({ type: `telerad:${type}`, ...content }, window.location.origin);
}

function toast(title, type) {
  services.uiNotificationService.show({ title, message: '', type, duration: 3000 });
}

// ---- what is on the screen

function shownIn(viewport) {
  return viewport.displaySetInstanceUIDs
    .map(uid => services.displaySetService.getDisplaySetByUID(uid))
    .filter(Boolean);
}

function active() {
  const id = services.viewportGridService.getActiveViewportId();
  const viewport = services.cornerstoneViewportService.getCornerstoneViewport(id);
  const cell = services.viewportGridService.getState().viewports.get(id);
  const [displaySet] = cell ? shownIn(cell) : [];
  return viewport && displaySet ? { viewport, displaySet } : null;
}

function imageOf(viewport) {
  const imageId = viewport.getCurrentImageId?.();
  const instance = imageId ? window.cornerstone.metaData.get('instance', imageId) : null;
  if (!instance) return { sop: null, frame: 1 };
  return { sop: instance.SOPInstanceUID, frame: Number(/\/frames\/(\d+)/.exec(imageId)?.[1] ?? 1) };
}

// Before the grid is mounted its service cannot be asked; what it shows is then reported by its first change.
function gridIsUp() {
  return typeof services?.viewportGridService.serviceImplementation?._getState === 'function';
}

function shownStudies() {
  const studies = new Set();
  for (const cell of services.viewportGridService.getState().viewports.values()) {
    shownIn(cell).forEach(displaySet => studies.add(displaySet.StudyInstanceUID));
  }
  return { studies: [...studies].sort(), active: active()?.displaySet.StudyInstanceUID ?? null };
}

function reportStudies({ always = false } = {}) {
  const content = shownStudies();
  const shown = JSON.stringify(content);
  if (always || shown !== lastShown) post('study', content);
  lastShown = shown;
}

// ---- capture: pixels and annotations. Names and numbers of the overlay are other elements and stay out.

async function drawAnnotations(pen, layer, canvas) {
  const copy = layer.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', canvas.clientWidth);
  copy.setAttribute('height', canvas.clientHeight);
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await picture.decode();
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

// Scrolling may go on while a frame is drawn: wait until the canvas shows the image that the viewport names.
async function settle(viewport) {
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt += 1) {
    const before = imageOf(viewport);
    viewport.render();
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const after = imageOf(viewport);
    if (before.sop === after.sop && before.frame === after.frame) return after;
  }
  throw new Error('the image did not come to rest');
}

async function capture(viewport) {
  const image = await settle(viewport);
  const canvas = viewport.getCanvas();
  const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  const pen = copy.getContext('2d');
  pen.drawImage(canvas, 0, 0);
  const layer = viewport.element.querySelector('svg.svg-layer');
  if (layer?.childElementCount) await drawAnnotations(pen, layer, canvas);
  const png = await new Promise(done => copy.toBlob(done, 'image/png'));
  if (!png) throw new Error('the viewport could not be written as PNG');
  return { ...image, png };
}

// ---- sending, and what the page makes of it

function expectAnswer(id, within) {
  clearTimeout(waiting.get(id));
  waiting.set(id, setTimeout(() => {
    waiting.delete(id);
    toast(texts.noAnswer, 'error');
  }, within));
}

function hand(type, content) {
  if (!page()) return toast(texts.noReport, 'error');
  const id = `${Date.now()}-${(count += 1)}`;
  expectAnswer(id, ANSWER_WITHIN);
  return post(type, { id, ...content });
}

async function sendImage() {
  const shown = active();
  if (!shown) return toast(texts.noImage, 'error');
  const { StudyInstanceUID: study, SeriesInstanceUID: series } = shown.displaySet;
  try {
    return hand('key-image', { study, series, ...(await capture(shown.viewport)) });
  } catch (error) {
    console.warn('key image', error);
    return toast(texts.noCapture, 'error');
  }
}

function sendSeries() {
  const shown = active();
  if (!shown) return toast(texts.noImage, 'error');
  const { StudyInstanceUID: study, SeriesInstanceUID: series, instances = [] } = shown.displaySet;
  return hand('key-series', { study, series, sops: instances.map(instance => instance.SOPInstanceUID) });
}

function takeAnswer({ id, state, text }) {
  if (!waiting.has(id)) return;
  if (state === 'received') return void expectAnswer(id, KEPT_WITHIN);
  clearTimeout(waiting.get(id));
  waiting.delete(id);
  if (state === 'kept') toast(text || texts.kept, 'success');
  else toast(text || texts.refused, 'error');
}

// ---- buttons of plugins: known by opening and person, so asked for; a viewer without them is a whole viewer

const tools = new Map(); // button id -> tool
const TOOLS_WITHIN = 5_000; // ms
let placing = false;

async function askForTools() {
  const access = new URLSearchParams(window.location.search).get('access') ?? '';
  if (!/^[0-9A-Z]{26}$/.test(access)) return;
  try {
    const answer = await fetch(`/viewer/tools/${access}`, {
      credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(TOOLS_WITHIN),
    });
    if (!answer.ok) return;
    for (const tool of (await answer.json()).tools) tools.set(`Telerad:${tool.key}`, tool);
  } catch (error) {
    console.warn('tools of plugins', error.name);
  }
}

// The bar is made anew whenever a mode is entered; whoever changes it tells.
function placeTools() {
  const bar = services.toolbarService;
  const section = bar.state.buttonSections.primary;
  const missing = [...tools.keys()].filter(id => section && !section.includes(id));
  if (placing || !missing.length) return;
  placing = true; // registering tells, too
  bar.register(missing.map(id => ({
    id,
    uiType: 'ohif.toolButton',
    props: {
      icon: tools.get(id).icon,
      label: tools.get(id).label,
      tooltip: tools.get(id).label,
      commands: [{ commandName: 'teleradTool', commandOptions: { id } }],
      evaluate: 'evaluate.action',
    },
  })));
  bar.updateSection('primary', missing);
  placing = false;
}

function openTool({ id }) {
  const tool = tools.get(id);
  if (!tool) return;
  const { studies, active: first } = shownStudies();
  const address = new URL(tool.url, window.location.origin);
  if (address.origin !== window.location.origin) return;
  for (const uid of new Set([first, ...studies].filter(Boolean))) address.searchParams.append('study', uid);
  window.open(address, '_blank', 'noopener');
}

// ---- notices over the viewer

function notice(name, text) {
  document.getElementById(name)?.remove();
  if (!text) return;
  const sentence = Object.assign(document.createElement('span'), { textContent: text });
  sentence.style.cssText = 'background:#b3161b;color:#fff;font-size:16px;line-height:2;padding:0 16px;display:inline-block';
  const frame = Object.assign(document.createElement('div'), { id: name });
  frame.setAttribute('role', 'alert');
  frame.style.cssText = 'position:fixed;inset:0;z-index:2147483647;pointer-events:none;border:4px solid #b3161b;'
    + 'text-align:center';
  frame.append(sentence);
  document.body.append(frame);
}

window.addEventListener('telerad:refused', ({ detail: status }) => {
  notice('telerad-refused', texts.accessEnded);
  post('refused', { status });
});

window.addEventListener('message', ({ source, origin, data }) => {
  if (origin !== window.location.origin || source !== page() || typeof data?.type !== 'string') return;
  if (data.type === 'telerad:answer') takeAnswer(data);
  if (data.type === 'telerad:which' && gridIsUp()) reportStudies({ always: true });
  if (data.type === 'telerad:alarm') notice('telerad-alarm', data.text);
});

// The image area swallows the press that would bring the keyboard here, and keys would go on to the report.
window.addEventListener('pointerdown', () => document.hasFocus() || window.focus(), { capture: true, passive: true });

// Loading images keeps no login alive; a hand at the viewer does, whether or not a page of ours is around it.
async function beat() {
  try {
    const session = await fetch('/me/session', { credentials: 'same-origin', cache: 'no-store' });
    if (!session.ok) return; // a guest has no login
    const { csrf_token: token } = await session.json();
    await fetch('/me/alive', { method: 'POST', credentials: 'same-origin', headers: { 'X-CSRFToken': token } });
  } catch { /* offline: the next beat comes in a minute */ }
}

for (const kind of ['pointerdown', 'pointermove', 'wheel', 'keydown']) {
  window.addEventListener(kind, ({ isTrusted, timeStamp }) => {
    if (!isTrusted || timeStamp - lastActivity < ACTIVITY_EVERY) return;
    lastActivity = timeStamp;
    post('activity');
    void beat();
  }, { capture: true, passive: true });
}

// ---- the end of the login, as the pages of ours tell it: a viewer in a window of its own shows it, too

const session = window.parent === window ? new BroadcastChannel('telerad-session') : null;

function sessionDialog() {
  const found = document.getElementById('telerad-session');
  if (found) return found;
  const dialog = Object.assign(document.createElement('dialog'), { id: 'telerad-session' });
  dialog.style.cssText = 'padding:16px 20px;border:0;border-radius:8px;background:#181e24;color:#d5dde5;font-size:15px;text-align:center';
  const title = Object.assign(document.createElement('p'), { id: 'telerad-session-title', textContent: texts.sessionEnds });
  const clock = document.createElement('p');
  clock.style.cssText = 'margin:12px 0;font-size:22px;font-weight:600';
  clock.setAttribute('role', 'timer');
  const stay = Object.assign(document.createElement('button'), { type: 'button', textContent: texts.stay, autofocus: true });
  stay.style.cssText = 'padding:6px 16px;border:0;border-radius:4px;background:#0b5cad;color:#fff;font-size:14px';
  stay.addEventListener('click', () => { session.postMessage({ what: 'stay' }); dialog.remove(); });
  dialog.addEventListener('cancel', () => stay.click());
  dialog.setAttribute('aria-labelledby', title.id);
  dialog.append(title, clock, stay);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

session?.addEventListener('message', ({ data }) => {
  if (data?.what === 'warn') {
    const left = Math.max(0, Math.floor((data.until - Date.now()) / 1000));
    sessionDialog().querySelector('[role=timer]').textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  }
  if (data?.what === 'calm' || data?.what === 'out' || data?.what === 'gone') document.getElementById('telerad-session')?.remove();
});

export default {
  id: 'telerad',
  async preRegistration({ servicesManager }) {
    services = servicesManager.services;
    await askForTools();
  },
  onModeEnter() {
    const { viewportGridService: grid } = services;
    const kinds = ['ACTIVE_VIEWPORT_ID_CHANGED', 'GRID_STATE_CHANGED', 'VIEWPORTS_READY'];
    subscriptions = kinds.map(kind => grid.subscribe(grid.EVENTS[kind], () => reportStudies()));
    if (!tools.size) return;
    const { toolbarService: bar } = services;
    subscriptions.push(bar.subscribe(bar.EVENTS.TOOL_BAR_MODIFIED, placeTools));
    placeTools();
  },
  onModeExit() {
    subscriptions.forEach(({ unsubscribe }) => unsubscribe());
    subscriptions = [];
  },
  getCommandsModule: () => ({
    defaultContext: 'DEFAULT',
    actions: {},
    definitions: {
      teleradKeyImage: { commandFn: sendImage },
      teleradKeySeries: { commandFn: sendSeries },
      teleradTool: { commandFn: openTool },
    },
  }),
};
