// The report workspace: one page for writing, reviewing and looking. Server, draft, windows, images and keys have files of their own.
import { makeDraft, same, textOf } from "./workspace-draft.js"
import { makeAsides } from "./workspace-asides.js"
import { makeClaim } from "./workspace-claim.js"
import { makeConflict } from "./workspace-conflict.js"
import { makePictures, makeViewer } from "./workspace-images.js"
import { installKeys } from "./workspace-keys.js"
import { installLayout } from "./workspace-layout.js"
import { makeConnection } from "./workspace-offline.js"
import { makeRecord } from "./workspace-record.js"
import { makeServer, Offline } from "./workspace-server.js"
import { makeWindows } from "./workspace-windows.js"

const { newKey, toast } = window.telerad
const byId = (id) => document.getElementById(id)
const root = byId("ws"), page = JSON.parse(root.dataset.page), words = JSON.parse(root.dataset.words)
const fields = { findings: byId("findings"), impression: byId("impression") }, radios = [...byId("result").querySelectorAll("input")]
const fill = (text, values) => Object.entries(values).reduce((all, [name, value]) => all.replaceAll(`{${name}}`, value), text)
const clock = (at, seconds = true, day = false) => new Intl.DateTimeFormat("zh-CN", { timeZone: page.zone, hour12: false, hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }), ...(day && { month: "2-digit", day: "2-digit" }) }).format(new Date(at))
const writes = page.mode !== "read"
const is = { ready: !writes, passive: false, lost: false, differs: false, busy: false }
let version = page.version, undo = null, windows = null

const { call } = makeServer()

// --- the text in the fields
const read = () => ({
  findings: fields.findings.value, impression: fields.impression.value, images: pictures.chosen,
  positive: radios.some((one) => one.checked) ? radios.find((one) => one.checked).value === "yes" : null,
})
const write = (text) => {
  for (const [name, field] of Object.entries(fields)) if (field.value !== text[name]) field.value = text[name]
  for (const one of radios) one.checked = text.positive !== null && (one.value === "yes") === text.positive
  pictures.set(text.images)
  record.refresh()
}
const plain = (text) => `${words.findings}\n${text.findings}\n\n${words.impression}\n${text.impression}`
const changed = () => { record.refresh(); if (draft) { draft.touch(); connection.keep(draft) } }
const pictures = makePictures({ call, url: page.urls.api, base: page.urls.captures, captures: page.captures, words, onChange: () => changed() })
const record = makeRecord({
  versions: page.versions, asides: page.asides, read, words, fill, clock, plain,
  restore(text) {
    if (!may()) return
    if (same(text, read())) { toast(words.same); return }
    replace(text, words.restored)
    show(0)
  },
})
const putAside = makeAsides({ call, url: page.urls.asides, words, stored: (aside) => record.putAside(aside) })
const may = () => writes && is.ready && !is.passive && !is.lost
const draw = () => {
  Object.values(fields).forEach((field) => { field.readOnly = !may() })
  radios.forEach((one) => { one.disabled = !may() })
  pictures.edit(may())
  byId("ws-passive").hidden = !is.passive
  byId("ws-lost").hidden = !is.lost
  for (const button of document.querySelectorAll("[data-event], [data-begin], #ws-save, #ws-reset, #ws-undo-do, #ws-restore")) {
    const why = connection.offline ? words.wait : is.differs && button.dataset.report !== undefined ? words.differs : is.passive ? words.other : ""
    button.disabled = Boolean(why) || is.busy || is.lost || button.dataset.begin === undefined && !may()
    button.title = why
  }
}
// Put another text into the fields; what stood there can be had back.
const replace = (text, sentence) => {
  undo = read()
  write(text)
  byId("ws-undo").hidden = false
  byId("ws-undo").querySelector("span").textContent = sentence
  changed()
}

// --- the draft
const saveState = (tone, icon, text) => {
  const box = byId("ws-saved")
  if (!box) return
  box.className = `saved ${tone}`
  box.replaceChildren(Object.assign(document.createElement("i"), { className: `ti ti-${icon}`, ariaHidden: "true" }), text)
}
const connection = makeConnection({ id: page.id, key: root.dataset.key, user: document.documentElement.dataset.user, words, fill, read, plain, putAside, onChange: () => draw() })
const lose = (error) => {
  is.lost = true
  draft?.stop()
  const strip = byId("ws-lost")
  const who = error?.body?.holder ? ` · ${error.body.holder} ${clock(error.body.since, false)}` : ""
  strip.querySelector("b").textContent = words.lost + who
  strip.querySelector("[data-copy]").dataset.copy = plain(read())
  saveState("lost", "alert-circle", words.unsaved)
  draw()
}
const conflict = makeConflict({
  words, fill, clock, plain, read, putAside,
  opened() { saveState("lost", "alert-circle", words.unsaved) },
  chosen(text, sentence, instead) { if (text) replace(text, sentence); draft.goOn(instead); if (draft.dirty()) draft.save(); else connection.drop() },
})
const tell = (what, facts) => ({
  changed: () => saveState("", "pencil", words.unsaved),
  saving: () => saveState("", "loader-2 turning", words.saving),
  saved: () => {
    if (facts.saved_at) saveState.at = facts.saved_at
    saveState.at ? saveState("ok", "cloud-check", fill(words.saved, { time: clock(saveState.at) })) : saveState("", "cloud", "")
    if (facts.rev && !draft.dirty()) connection.drop()
    if (facts.rev) windows?.share({ rev: facts.rev, saved_at: facts.saved_at, text: textOf(facts) })
  },
  offline: () => { saveState("local", "cloud-off", words.unsaved); connection.down(draft) },
  online: () => connection.up(draft),
  refused: () => saveState("lost", "alert-circle", fill(words.refused, { why: facts.error.message })),
  conflict: () => conflict({ there: facts.draft, base: facts.draft.base ?? draft.base, since: page.text }),
  lost: () => lose(facts.error),
})[what]()
const draft = writes ? makeDraft({ call, url: page.urls.api, rev: page.text.rev, text: page.text, read, tell }) : null

// --- moving the request
let attempt = null // the same step with the same words keeps its key, so that a lost answer is not a second step
const post = async (event, given) => {
  const json = { version, ...given }, print = JSON.stringify([event, json])
  if (attempt?.print !== print) attempt = { print, key: newKey() }
  return call(`${page.urls.api}/${event}`, { method: "POST", json, key: attempt.key })
}
const asked = (dialog) => new Promise((done) => {
  dialog.returnValue = ""
  dialog.onclose = () => done(dialog.returnValue === "yes")
  dialog.showModal()
})
const ask = (event, button) => {
  const dialog = byId("ws-ask"), label = button.firstChild.nodeType === Node.TEXT_NODE ? button.firstChild : button.childNodes[1]
  byId("ws-ask-title").textContent = dialog.querySelector("[data-part=verb]").textContent = label.textContent.trim()
  dialog.querySelectorAll("p").forEach((line) => { line.hidden = line.dataset.part !== event })
  return asked(dialog)
}
const incomplete = () => {
  const text = read()
  const empty = !text.findings.trim() ? fields.findings : !text.impression.trim() ? fields.impression : null
  if (empty) { toast(words.write, "warn"); empty.focus(); return true }
  if (text.positive === null) { toast(words.choose, "warn"); radios[0].focus(); return true }
  return false
}
const failed = (error) => {
  if (error instanceof Offline) { toast(words.failed, "error"); return }
  if (error.code === "claim-not-mine") { lose(error); return }
  if (error.code === "check-failed") record.checks(error.body.findings)
  toast([error.message, error.body.holder].filter(Boolean).join(" · "), "error")
}
const move = async (button, { always = false } = {}) => {
  const { event, report, asks } = button.dataset
  if (button.disabled || is.busy || report !== undefined && incomplete()) return
  const given = {}
  if (event === "reject") {
    byId("ws-reason").value = ""
    if (!await asked(byId("ws-reject"))) return
    given.reason = byId("ws-reason").value
  } else if ((asks !== undefined || always || event === "unlock") && !await ask(event, button)) return
  is.busy = true
  draw()
  try {
    if (!await draft.flush()) { if (connection.offline) toast(words.wait, "warn"); return }
    if (report !== undefined) Object.assign(given, read())
    await post(event, given)
    leave(event)
  } catch (error) { failed(error) } finally { is.busy = false; draw() }
}
const leave = (event) => {
  draft.stop()
  windows?.close()
  const form = byId("ws-leave")
  form.elements.event.value = event
  form.elements.next.value = backTo()
  removeEventListener("beforeunload", warn)
  form.submit()
}
const backTo = () => {
  const before = document.referrer ? new URL(document.referrer) : null
  return before?.origin === location.origin && before.pathname === page.urls.list ? before.pathname + before.search : page.urls.list
}
const begin = async (button) => {
  button.disabled = true
  try { await post(button.dataset.begin, button.dataset.reason ? { reason: button.dataset.reason } : {}); location.reload() }
  catch (error) { button.disabled = false; error instanceof Offline ? toast(words.failed, "error") : toast([error.message, error.body.holder].filter(Boolean).join(" · "), "error") }
}
// An accepted request is opened by looking at it: from here on it is 诊断中.
const open = async () => {
  try {
    const there = await post("open", {})
    version = there.version
    page.opens = false
    const badge = document.querySelector("#ws-claim .st")
    badge.className = "st st-work"
    badge.replaceChildren(Object.assign(document.createElement("i"), { className: "ti ti-pencil", ariaHidden: "true" }), there.label)
    claim.shown(there)
  } catch (error) {
    if (error instanceof Offline) setTimeout(open, 3000)
    else if (error.code === "stale-version" || error.code === "invalid-transition") location.reload()
    else failed(error)
  }
}

// --- buttons of the text
const save = async () => {
  if (!may()) return
  if (!await draft.flush()) return
  try {
    const { n, findings } = await call(page.urls.keep, { method: "POST" })
    record.keep(n, read())
    record.checks(findings)
    toast(fill(words.kept, { n }), "good")
  } catch (error) {
    if (error instanceof Offline) toast(words.failed, "error")
    else if (error.status === 422) toast(words.empty, "warn")
    else toast(error.message || words.failed, "error")
  }
}
const reset = () => {
  const last = record.last(), base = last ? textOf(last) : textOf(page.text)
  if (same(base, read())) { toast(words.same); return }
  replace(base, last ? fill(words.reset, { n: last.n }) : words.resetOpen)
}
const takeBack = () => {
  if (!undo || !may()) return
  write(undo)
  undo = null
  byId("ws-undo").hidden = true
  changed()
}

const claim = makeClaim({ call, url: page.urls.api, words, fill, clock, draft, connection, lose, held: () => writes && !is.lost && !page.opens })
const viewer = makeViewer({
  call, url: page.urls.api, studyUid: page.studyUid, words,
  onActive() { claim.alive(); window.postMessage({ kind: "telerad:active" }, location.origin) },
  onMismatch(now) { is.differs = now; draw() },
  async onImage(image, answer) {
    if (!may()) return answer("refused", words.readOnly)
    if (page.studyUid && image.study !== page.studyUid) return answer("refused", words.foreign)
    answer("received")
    try { return answer("kept", await pictures.add(image)) }
    catch (error) { return answer("refused", error.message || words.failed) }
  },
})

// --- a page that is left
const warn = (event) => { if (draft?.dirty() && may()) { draft.save(); event.preventDefault() } }
addEventListener("beforeunload", warn)
document.addEventListener("visibilitychange", () => { if (document.hidden && may()) draft.save() })
addEventListener("pagehide", () => { if (draft && may()) draft.save() })
addEventListener("pageshow", (event) => { if (event.persisted) location.reload() })
document.addEventListener("telerad:ending", ({ detail }) => { if (draft && may()) detail.push(draft.flush()) })
addEventListener("online", () => { if (draft?.isOffline) draft.save(); else claim.renew() })

for (const field of Object.values(fields)) {
  field.addEventListener("input", changed)
  field.addEventListener("blur", () => { if (may()) draft.save() })
}
byId("result").addEventListener("change", changed)
document.addEventListener("click", (event) => {
  const at = (name) => event.target.closest(`[data-${name}]`)
  if (at("event")) move(at("event"))
  if (at("begin")) begin(at("begin"))
  if (at("reload")) location.reload()
  if (at("phrase")) { const box = byId("ws-reason"); box.value = box.value ? `${box.value}，${at("phrase").dataset.phrase}` : at("phrase").dataset.phrase; box.focus() }
})
byId("ws-save")?.addEventListener("click", save)
byId("ws-reset")?.addEventListener("click", reset)
byId("ws-undo-do").addEventListener("click", takeBack)
byId("ws-back").href = backTo()
byId("ws-passive").querySelector("b").textContent = words.other

write(page.text)
if (page.text.saved_at) tell("saved", { saved_at: page.text.saved_at })
const { show } = installLayout({ onTab: () => record.refresh() })
installKeys({ fields, show, record, save, moveBy: (selector, options) => { const button = document.querySelector(selector); if (button) move(button, options) } })
if (writes) {
  windows = makeWindows(page.id, {
    onPassive() { is.ready = true; is.passive = true; draft.stop(); draw() },
    async onActive() {
      const late = is.passive
      if (late) {
        try {
          const there = await call(page.urls.api)
          if (!there.draft) return lose(null)
          version = there.version
          draft.adopt(there.draft)
          write(there.draft)
        } catch (error) { if (error instanceof Offline) connection.down(draft); else return lose(error) }
      }
      is.ready = true
      is.passive = false
      draft.start()
      draw()
      if (page.opens) open()
      if (late) fields.findings.focus()
      else { window.teleradSession.toCaret(); connection.resume(draft, { write }) }
      return undefined
    },
    async onLeave() { draft.start(); await draft.flush(); draft.stop() },
    onText({ text, rev, saved_at }) { write(text); draft.adopt({ rev, ...text }); tell("saved", { saved_at }) },
  })
  byId("ws-take").addEventListener("click", () => windows.take())
  claim.start()
} else connection.offer(page.text)
draw()
