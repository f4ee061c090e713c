// The session in this browser: who works here keeps it, 28 minutes without anybody warn in every tab, 30 save and log
// out, and a page whose session is gone stays while its owner logs in over it. The server's clock decides; see /me/session.
(() => {
  "use strict"
  const { aliveUrl, sessionUrl, loginUrl, homeUrl, user } = document.documentElement.dataset
  if (!aliveUrl || window.top !== window) return
  const { send, word, toast } = window.telerad
  const byId = (id) => document.getElementById(id), later = (ms) => new Promise((done) => { setTimeout(done, ms) })
  const BEAT = 61000, SAVE = 5, WAIT = 5000, SLEPT = 20 // ms, s before the end, ms, s after it
  const channel = new BroadcastChannel("telerad-session"), say = (what, facts = {}) => channel.postMessage({ what, ...facts })
  const ends = byId("session-ends"), box = byId("session-login"), frame = box.querySelector(".login-frame")
  let idle = 1800, warn = 120, on = true, known = false // seconds; the person may have switched automatic log-out off
  let active = Date.now(), beat = Date.now(), due = 0, asking = null, saving = null, leaving = false, entering = null, gone = false

  // --- somebody is there: told at most once a minute, and what came in between is told when the minute is over
  const tell = () => {
    clearTimeout(due)
    due = 0
    beat = Date.now()
    return send(aliveUrl, { method: "POST", keepalive: true }).then((answer) => { if (answer.status === 401) signIn() }).catch(() => { beat = 0 })
  }
  const note = (at) => { active = Math.max(active, at) }
  const here = () => {
    if (ends.open || gone || leaving) return
    const at = Date.now()
    if (at - active > 5000) say("active", { at })
    note(at)
    if (at - beat >= BEAT) tell()
    else due ||= setTimeout(tell, BEAT - (at - beat))
  }
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, here, { passive: true, capture: true })
  addEventListener("message", ({ origin, data }) => { if (origin === location.origin && data?.kind === "telerad:active") here() })

  // --- what the server knows: other windows and running uploads renew the session, too
  const ask = () => asking ??= (async () => {
    if (!sessionUrl) return
    const began = Date.now()
    const answer = await send(sessionUrl, { headers: { Accept: "application/json" }, cache: "no-store", redirect: "manual" })
    if (answer.status === 401 || answer.type === "opaqueredirect") { signIn(); return }
    if (!answer.ok) return
    const left = await answer.json()
    on = left.idle_seconds !== null
    warn = left.warn_seconds ?? warn
    if (!on) return
    const whole = Math.ceil(left.idle_seconds / 60) * 60 // a page that was just loaded renewed it less than a minute ago
    if (!known || whole > idle) idle = whole
    known = true
    note(began - (idle - left.idle_seconds) * 1000)
  })().catch(() => undefined).finally(() => { asking = null })
  const stay = () => { ends.close(); active = Date.now(); say("active", { at: active }); tell() }

  // --- the end: text first, then the session, then the page; it is found again with its caret
  const save = () => saving ??= (() => {
    const waits = []
    document.dispatchEvent(new CustomEvent("telerad:ending", { detail: waits }))
    const all = Promise.allSettled(waits).then((done) => done.every(({ status, value }) => status === "fulfilled" && value !== false))
    return Promise.race([all, later(WAIT).then(() => false)])
  })()
  // Tabs that have something to save say so, and say when it is done.
  let busy = 0, lost = false
  const saveAll = async () => {
    busy = 0
    lost = false
    say("ending")
    const [saved] = await Promise.all([save(), later(200)])
    for (let waited = 0; busy > 0 && waited < WAIT; waited += 100) await later(100)
    return saved && busy <= 0 && !lost
  }
  const caret = () => {
    const { activeElement: field } = document
    return field?.id && typeof field.selectionStart === "number" ? `#at=${field.id}.${field.selectionStart}.${field.selectionEnd}` : ""
  }
  let place = "" // the dialog takes the caret away
  const leave = () => { leaving = true; location.assign(`${loginUrl}?next=${encodeURIComponent(location.pathname + location.search + place)}`) }
  const end = async () => {
    leaving = true
    if (await saveAll()) await Promise.race([wipe().catch(() => undefined), later(1000)])
    try {
      const answer = await send(document.querySelector(".top form[action$=logout]")?.action ?? "/logout", { method: "POST", redirect: "manual" })
      if (answer.status >= 500) throw new Error("not logged out")
      say("out")
      leave()
    } catch { leaving = false; ends.close(); gone = true; signIn() }
  }
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`
  let checked = false
  const tick = async () => {
    if (!on || gone || leaving) return
    const left = () => idle - (Date.now() - active) / 1000
    if (left() > warn) { checked = false; saving = null; if (ends.open) ends.close(); return }
    if (!checked) { checked = true; await ask(); return }
    if (left() < -SLEPT) { gone = true; ends.close(); signIn(); return }
    if (!ends.open && !box.open) { place = caret(); ends.showModal() }
    byId("session-clock").textContent = clock(Math.max(0, left()))
    say("warn", { until: active + idle * 1000 })
    if (left() <= SAVE) save()
    if (left() <= 0) end()
  }
  ends.addEventListener("cancel", (event) => { event.preventDefault(); stay() })
  ends.addEventListener("close", () => say("calm"))
  byId("session-stay").addEventListener("click", stay)
  byId("session-leave").addEventListener("click", end)
  setInterval(tick, 1000)

  // --- the login box over the page: the real login page in a frame, with whatever it asks
  // A new session has a new token; a page of another person must not go on under this one.
  const renewed = async () => {
    try {
      const answer = await fetch(homeUrl, { credentials: "same-origin", cache: "no-store" })
      if (!answer.ok || new URL(answer.url).pathname.startsWith(loginUrl)) return false
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
      if (fresh.documentElement.dataset.user !== user) { leaving = true; location.assign(homeUrl); return false }
      document.body.setAttribute("hx-headers:inherited", fresh.body.getAttribute("hx-headers:inherited"))
      const token = fresh.querySelector("[name=csrf_token]").value
      document.querySelectorAll("[name=csrf_token]").forEach((field) => { field.value = token })
      active = beat = Date.now()
      gone = false
      return true
    } catch { return false }
  }
  let check = async () => undefined
  const signIn = () => entering ??= new Promise((done) => {
    gone = true
    ends.close()
    say("gone")
    const opener = document.activeElement, login = document.createElement("iframe"), landing = "/healthz"
    check = async (complain) => {
      if (entering === null) return
      if (await renewed()) {
        entering = null
        frame.replaceChildren()
        box.close()
        opener?.focus?.()
        say("in")
        done()
      } else if (complain) toast(word("stillOut"), "warn")
    }
    login.src = `${loginUrl}?next=${landing}`
    login.title = byId("session-login-title").textContent
    login.addEventListener("load", () => { if (login.contentWindow?.location.pathname === landing) check(false) })
    frame.replaceChildren(login)
    if (!box.open) box.showModal()
  })
  box.addEventListener("cancel", (event) => event.preventDefault())
  byId("session-again").addEventListener("click", () => check(true))
  document.addEventListener("telerad:gone", async ({ detail }) => {
    await signIn()
    if (!detail.quiet) toast(word("again"))
  })
  document.addEventListener("submit", (event) => {
    const { target, submitter } = event
    if (!gone || leaving || target.method === "dialog") return
    event.preventDefault()
    event.stopImmediatePropagation()
    signIn().then(() => target.requestSubmit(submitter))
  }, true)

  // --- logging out saves and wipes what this browser kept, and tells the other tabs
  // Only one's own, and only when the server has it all: others' text waits for them, one's own that was not saved for oneself.
  const wipe = () => import("./offline.js").then(({ forget }) => forget(user))
  document.addEventListener("submit", async (event) => {
    const form = event.target
    if (!form.matches(".top form[action$=logout]") || leaving) return
    event.preventDefault()
    if (await saveAll()) await Promise.race([wipe().catch(() => undefined), later(1000)])
    leaving = true
    say("left")
    form.submit()
  })

  channel.addEventListener("message", ({ data }) => {
    if (data.what === "active") { note(data.at); if (ends.open) ends.close() }
    if (data.what === "stay") stay()
    if (data.what === "ending") { say("busy"); save().then((ok) => say("saved", { ok })) }
    if (data.what === "busy") busy += 1
    if (data.what === "saved") { busy -= 1; lost ||= !data.ok }
    if (data.what === "out" && !leaving) leave()
    if (data.what === "gone" && !gone && !leaving) ask()
    if (data.what === "left" && !leaving) later(500).then(signIn)
    if (data.what === "in") entering === null ? renewed() : check(false)
  })
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !gone) ask() })

  // --- back at the place where the session ended
  const toCaret = () => {
    const [, id, start, end] = /^#at=([\w-]+)\.(\d+)\.(\d+)$/.exec(location.hash) ?? []
    const field = id && byId(id)
    if (!field || field.readOnly) return
    history.replaceState(history.state, "", location.pathname + location.search)
    field.focus()
    field.setSelectionRange?.(Number(start), Number(end))
  }
  window.teleradSession = Object.freeze({ signIn, renewed, toCaret })
  addEventListener("load", () => { ask(); toCaret() })
})()
