// The report workspace: buttons, keys, tabs, claim, second tabs. Texts come from the page, changes go through the API.
(() => {
  "use strict"
  const byId = (id) => document.getElementById(id)
  const ws = byId("workspace"), { api } = ws.dataset
  const findings = byId("findings"), impression = byId("impression")
  const word = (name, values = {}) => Object.entries(values).reduce((t, [k, v]) => t.replace(`{${k}}`, v), byId("ws-words").getAttribute(`data-${name}`) ?? "")
  let version = Number(ws.dataset.version), mine = ws.dataset.mine === "yes", worked = false, before = null, draft, images
  const say = (text, tone) => { const saved = byId("saved"); saved.textContent = text; saved.className = `saved ${tone}` }
  const strip = (text, tone, ms = 0) => {
    const box = byId("strip")
    box.textContent = text
    box.hidden = !text
    byId("claim").classList.toggle("offline", tone === "offline")
    if (tone === "expired") { const link = Object.assign(document.createElement("a"), { href: ws.dataset.login, target: "_blank", textContent: ` ${word("login")}` }); box.append(link) }
    if (ms) setTimeout(() => { box.hidden = true }, ms)
  }
  const read = () => ({
    findings: findings.value, impression: impression.value,
    positive: { yes: true, no: false }[document.querySelector("[name=positive]:checked")?.value] ?? null, images: images?.chosen() ?? [],
  })
  const editable = (yes) => {
    mine = yes
    findings.readOnly = impression.readOnly = !yes
    document.querySelectorAll("[name=positive], #captures input").forEach((i) => { i.disabled = !yes })
    document.querySelectorAll("#pane-report .foot [data-do]").forEach((b) => { b.disabled = !yes })
  }
  const dialog = (id) => new Promise((done) => { const box = byId(id); box.returnValue = ""; box.showModal(); box.addEventListener("close", () => done(box.returnValue), { once: true }) })
  const ask = async (event, reason) => {
    byId("ask-title").textContent = byId("ask-verb").textContent = word(`${event}-title`)
    byId("ask-text").textContent = word({ send_to_review: "review" }[event] ?? event)
    byId("ask-reason").hidden = !reason
    const text = byId("ask-reason").querySelector("textarea")
    text.value = ""
    return (await dialog("ask")) === "yes" ? { reason: text.value } : null
  }
  const post = async (event, body = {}) => {
    const answer = await window.telerad.send(`${api}/${event}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
    return [answer.status, await answer.json().catch(() => ({}))]
  }
  const refused = (answer) => {
    const why = answer.errors?.[0]?.message ?? answer.detail ?? word("lost")
    window.telerad.toast(answer.holder ? `${answer.holder} · ${why}` : why, "error")
  }
  const move = async (event, { needsText = false, reason = false, quiet = false } = {}) => {
    if (draft.offline || ws.classList.contains("mismatch")) return window.telerad.toast(word(draft.offline ? "offline" : "differs"), "error")
    const text = read()
    if (needsText && (!text.findings.trim() || !text.impression.trim())) { (text.findings.trim() ? impression : findings).focus(); return window.telerad.toast(word("empty"), "error") }
    if (needsText && text.positive === null) { document.querySelector("[name=positive]").focus(); return window.telerad.toast(word("choose"), "error") }
    const given = quiet ? {} : await ask(event, reason)
    if (!given || !(await draft.settle())) return
    const [status, answer] = await post(event, { version, ...given, ...(needsText ? text : {}) })
    if (status !== 200) return refused(answer)
    draft.stop()
    location.assign(`${ws.dataset.list}?at=${ws.dataset.request}`)
  }
  const begin = async (event) => { const [status, answer] = await post(event, { version }); if (status === 200) location.reload(); else { refused(answer); setTimeout(() => location.reload(), 1500) } }
  const reset = () => {
    const last = document.querySelector("#pane-history .version")
    before = read()
    findings.value = last?.querySelector("[data-field=findings]").textContent ?? ""
    impression.value = last?.querySelector("[data-field=impression]").textContent ?? ""
    draft.changed()
    strip(word("reset"), "", 8000)
    const undo = Object.assign(document.createElement("button"), { type: "button", className: "as-link", textContent: word("undo") })
    undo.addEventListener("click", () => { findings.value = before.findings; impression.value = before.impression; draft.changed(); byId("strip").hidden = true })
    byId("strip").append(" ", undo)
  }
  const tab = (name) => {
    document.querySelectorAll("[data-tab]").forEach((t) => t.setAttribute("aria-selected", String(t.dataset.tab === name)))
    document.querySelectorAll("[data-pane]").forEach((p) => { p.hidden = p.id !== `pane-${name}` })
  }
  const DOES = {
    save: () => draft.save(), reset, unlock: () => move("unlock"), begin: () => begin(ws.dataset.begin),
    send_to_review: () => move("send_to_review", { needsText: true }), submit: () => move("submit", { needsText: true }),
    approve: () => move("approve", { needsText: true }), reject: () => move("reject", { reason: true }),
    light: () => { const html = document.documentElement, to = html.dataset.theme === "dark" ? "light" : "dark"; html.dataset.theme = to; html.dataset.bsTheme = to },
    keys: () => byId("keys").showModal(),
  }
  const button = (name) => document.querySelector(`#pane-report [data-do=${name}]:not(:disabled)`)
  const key = (event) => {
    if (event.isComposing || event.keyCode === 229) return
    const name = event.key
    if (event.ctrlKey && name === "s") { event.preventDefault(); button("save")?.click() }
    else if (event.ctrlKey && event.shiftKey && name === "Enter") { event.preventDefault(); button("submit")?.click() }
    else if (event.ctrlKey && name === "Enter") { event.preventDefault(); (button("approve") ?? button("send_to_review"))?.click() }
    else if (event.altKey && /^[1-6]$/.test(name)) { event.preventDefault(); document.querySelectorAll("[data-tab]")[Number(name) - 1]?.click() }
    else if (event.altKey && name === "ArrowUp") { event.preventDefault(); findings.focus() }
    else if (event.altKey && name === "ArrowDown") { event.preventDefault(); impression.focus() }
    else if (name === "Tab" && !event.shiftKey && [findings, impression].includes(event.target)) {
      const at = event.target.value.indexOf("__", event.target.selectionEnd)
      if (at >= 0) { event.preventDefault(); event.target.setSelectionRange(at, at + 2) }
    }
  }
  const divide = (event) => {
    const panes = byId("panes"), width = panes.clientWidth
    const to = (e) => { const share = Math.min(70, Math.max(30, (e.clientX / width) * 100)); panes.style.gridTemplateColumns = `minmax(0, ${share}fr) 5px minmax(480px, ${100 - share}fr)` }
    event.target.setPointerCapture(event.pointerId)
    event.target.addEventListener("pointermove", to)
    event.target.addEventListener("pointerup", () => event.target.removeEventListener("pointermove", to), { once: true })
  }
  const renew = async () => {
    if (!mine) return
    const active = worked
    worked = false
    try { const [status] = await post("renew", { active }); if (status === 409) lose() } catch { /* the next save tells */ }
  }
  const lose = () => { editable(false); draft.stop(); strip(word("taken"), "offline") }
  const others = () => {
    const channel = new BroadcastChannel(`report:${ws.dataset.request}`)
    channel.addEventListener("message", ({ data }) => {
      if (data === "here" && mine) { editable(false); strip(word("elsewhere"), ""); const take = Object.assign(document.createElement("button"), { type: "button", className: "as-link", textContent: word("here") }); take.addEventListener("click", () => location.reload()); byId("strip").append(" ", take) }
    })
    if (mine) channel.postMessage("here")
  }
  document.addEventListener("DOMContentLoaded", async () => {
    images = window.workspaceImages({
      api, study: ws.dataset.study, frame: byId("viewer"), box: byId("captures"), count: byId("chosen-count"), editable: () => mine, word,
      changed: () => draft?.changed(), mismatch: (yes) => ws.classList.toggle("mismatch", yes), active: () => { worked = true },
    })
    draft = window.workspaceDraft({
      api, rev: Number(ws.dataset.rev), read, word, say, strip, lost: lose,
      stale: async (answer) => { byId("conflict-text").textContent = word("conflict", { who: answer.holder ?? "", at: (answer.since ?? "").slice(11, 19) }); return (await dialog("conflict")) || "mine" },
    })
    document.addEventListener("click", (event) => { const name = event.target.closest("[data-do]")?.dataset.do; if (name) DOES[name]?.() })
    document.querySelectorAll("[data-tab]").forEach((t) => t.addEventListener("click", () => tab(t.dataset.tab)))
    document.addEventListener("keydown", key)
    byId("divider").addEventListener("pointerdown", divide)
    byId("pane-report").addEventListener("submit", (event) => event.preventDefault())
    for (const box of [findings, impression]) { box.addEventListener("input", () => { worked = true; draft.changed() }); box.addEventListener("blur", () => draft.flush()) }
    document.querySelectorAll("[name=positive]").forEach((i) => i.addEventListener("change", () => draft.changed()))
    document.addEventListener("visibilitychange", () => { if (document.hidden) draft.flush() })
    window.addEventListener("beforeunload", (event) => { if (draft.dirty && mine) event.preventDefault() })
    if (!mine) draft.stop()
    others()
    images.open()
    if (ws.dataset.opens === "yes") { const [status, answer] = await post("open", { version }); if (status === 200) version = answer.version; else refused(answer) }
    setInterval(renew, 30000)
  })
})()
