// The frame: dialogs, toasts, menus, polling, clocks, confirmation, activity. No eval, no inline script, nothing stored.
(() => {
  "use strict"
  const byId = (id) => document.getElementById(id)
  const word = (name, values = {}) =>
    Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), byId("words")?.dataset[name] ?? "")
  const csrf = () => JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}")
  const inText = (element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !/^(checkbox|radio)$/.test(element.type)

  // --- toasts: 4 s, hovered ones stay, errors stay until closed
  const hold = (toast) => {
    if (toast.dataset.held) return
    toast.dataset.held = "yes"
    const shut = Object.assign(document.createElement("button"), { type: "button", className: "shut", ariaLabel: word("close") })
    shut.append(Object.assign(document.createElement("i"), { className: "ti ti-x" }))
    shut.addEventListener("click", () => toast.remove())
    toast.append(shut)
    if (toast.dataset.stays) return
    let timer = 0
    const start = () => { timer = setTimeout(() => toast.remove(), Number(toast.dataset.seconds || 4) * 1000) }
    toast.addEventListener("pointerenter", () => clearTimeout(timer))
    toast.addEventListener("pointerleave", start)
    start()
  }
  // A modal dialog makes the rest of the page inert and covers it: toasts move into it while it is open.
  const raise = () => { const all = [...document.querySelectorAll("dialog:modal")]; (all.at(-1) ?? document.body).append(byId("toasts")) }
  const lower = () => document.body.append(byId("toasts"))
  const holdAll = () => document.querySelectorAll("#toasts .toast1").forEach(hold)
  const toast = (text, tone = "info") => {
    const icons = { good: "circle-check", warn: "alert-triangle", error: "alert-circle" }
    const box = Object.assign(document.createElement("div"), { className: `toast1 ${tone}` })
    box.append(Object.assign(document.createElement("i"), { className: `ti ti-${icons[tone] ?? "info-circle"}` }),
      Object.assign(document.createElement("span"), { className: "grow keeps-lines", textContent: text }))
    if (tone === "error") box.dataset.stays = "yes"
    byId("toasts")?.append(box)
    raise()
    hold(box)
  }

  // A key under which a POST is done once, however often it is sent. Plain http has no crypto.randomUUID.
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")

  // --- fetch with the CSRF header, for components
  const send = (url, options = {}) =>
    fetch(url, { credentials: "same-origin", ...options, headers: { ...csrf(), ...options.headers } })

  // --- dialogs: content comes by htmx, Esc and [data-close] close, focus returns to what opened it
  let opener = null, before = null
  const show = (dialog, modal, address) => {
    if (dialog.open) return
    opener = document.activeElement
    if (address) { before = location.href; history.replaceState(history.state, "", address) }
    modal ? dialog.showModal() : dialog.show()
    const first = dialog.querySelector("[autofocus], [aria-invalid=true]")
    if (first) first.focus()
  }
  const closed = (dialog) => {
    if (dialog.id === "dialog" && before) { history.replaceState(history.state, "", before); before = null }
    lower()
    if (dialog.id === "dialog") dialog.replaceChildren()
    if (opener?.isConnected) opener.focus()
  }
  document.addEventListener("close", (event) => { if (["dialog", "drawer"].includes(event.target.id)) closed(event.target); else if (event.target.matches("dialog")) lower() }, true)
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-close]")
    const dialog = button?.closest("dialog")
    if (dialog) { event.preventDefault(); dialog.close() }
    else if (button && !button.getAttribute("href")) history.back()
    if (event.target.matches("dialog#drawer")) event.target.close()
  })
  document.addEventListener("telerad:close-dialog", () => byId("dialog")?.close())
  document.addEventListener("htmx:before:swap", lower)
  document.addEventListener("htmx:after:swap", (event) => {
    const { sourceElement, response } = event.detail.ctx
    const sent = response?.raw?.headers.get("HX-Retarget") // a refusal goes elsewhere than the request wanted
    const target = sent ? document.querySelector(sent) : event.detail.ctx.target
    if (target?.id === "dialog" && target.childElementCount) {
      show(target, true, sourceElement?.matches?.("a[href]") ? sourceElement.getAttribute("href") : "")
      target.querySelector("[aria-invalid=true]")?.focus()
    }
    if (target?.id === "drawer" && target.childElementCount) {
      target.setAttribute("aria-label", target.querySelector("h2")?.textContent || target.dataset.label)
      show(target, false, "")
    }
    if (byId("toasts").childElementCount) raise()
    holdAll()
    locate()
  })

  // --- htmx: a proxy's 5xx stays out of page and history; a form in a dialog that was done leads to its page
  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail
    const raw = ctx.response.raw
    if (ctx.response.status >= 500 && !raw.headers.get("HX-Retarget")) { event.preventDefault(); toast(word("gone"), "error") }
    else if (ctx.response.status === 401 || raw.redirected && new URL(raw.url).pathname === "/login") {
      event.preventDefault()
      document.dispatchEvent(new CustomEvent("telerad:gone", { detail: { quiet: Boolean(ctx.sourceElement?.hidden) } }))
    }
    else if (raw.redirected && ctx.target?.id === "dialog") { event.preventDefault(); before = null; location.assign(raw.url) }
  })
  document.addEventListener("htmx:error", (event) => {
    if (event.detail?.ctx?.request?.method === "GET" && event.detail.ctx.sourceElement?.hasAttribute?.("hidden")) return
    toast(word("offline"), "error")
  })

  // --- confirmation: <form data-confirm>, <button data-confirm>; data-verb names the button, data-type must be typed
  const confirmed = new WeakSet()
  const ask = (from, form, submitter) => {
    closeMenus(null)
    const dialog = byId("confirm"), part = (name) => dialog.querySelector(`[data-part="${name}"]`)
    const verb = from.dataset.verb || submitter?.textContent.trim() || word("confirm")
    byId("confirm-title").textContent = from.dataset.title || verb
    part("text").textContent = from.dataset.confirm
    part("verb").textContent = verb
    part("verb").className = `btn btn-l ${from.dataset.harm ? "btn-danger" : "btn-primary"}`
    const name = from.dataset.type || "", typed = part("name").querySelector("input")
    part("name").hidden = !name
    part("name").querySelector("span").textContent = name ? word("type", { name }) : ""
    typed.value = ""
    part("verb").disabled = Boolean(name)
    typed.oninput = () => { part("verb").disabled = typed.value.trim() !== name }
    dialog.returnValue = ""
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return submitter?.focus()
      confirmed.add(form)
      form.requestSubmit(submitter)
    }
    dialog.showModal()
  }
  document.addEventListener("submit", (event) => {
    const from = event.submitter?.matches("[data-confirm]") ? event.submitter : event.target.matches("[data-confirm]") ? event.target : null
    if (!from || confirmed.delete(event.target)) return
    event.preventDefault(); event.stopImmediatePropagation()
    ask(from, event.target, event.submitter)
  }, true)

  // --- menus are <details>: one open at a time, closed by a click outside or Esc; in a table they float above it
  const menus = "details.menu[open], [data-folded] .side details[open]"
  const closeMenus = (except) => document.querySelectorAll(menus).forEach((menu) => { if (!menu.contains(except)) menu.open = false })
  document.addEventListener("click", (event) => closeMenus(event.target))
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement.closest?.(menus)
    if (menu) { menu.open = false; menu.querySelector("summary").focus() }
  }, true)
  document.addEventListener("toggle", (event) => {
    const pop = event.target.matches?.(".t .menu") && event.target.open && event.target.querySelector(".pop")
    if (!pop) return
    const at = event.target.getBoundingClientRect(), box = pop.getBoundingClientRect()
    const above = at.bottom + box.height > innerHeight
    Object.assign(pop.style, { right: `${innerWidth - at.right}px`, top: `${above ? at.top - box.height : at.bottom}px` })
  }, true)
  document.addEventListener("scroll", (event) => { if (event.target.matches?.(".scroll-table")) closeMenus(null) }, true)
  const html = document.documentElement, narrow = matchMedia("(min-width: 641px) and (max-width: 1439px)")
  let byHand = html.dataset.folded !== undefined
  const fold = (on) => {
    if (on) html.dataset.folded = "yes"; else delete html.dataset.folded
    document.querySelector("[data-fold]")?.setAttribute("aria-pressed", String(on))
  }
  const fit = () => { if (!byHand) fold(narrow.matches) }
  narrow.addEventListener("change", fit)
  fit()
  fold(html.dataset.folded !== undefined)
  if (document.documentElement.dataset.folded) document.querySelectorAll(".side details").forEach((group) => { group.open = false })

  // --- small buttons
  document.addEventListener("click", async (event) => {
    const at = (name) => event.target.closest(`[data-${name}]`)
    if (at("fold")) {
      const on = html.dataset.folded !== "yes"
      byHand = true
      fold(on)
      document.cookie = `side=${on ? "folded" : "open"}; Path=/; SameSite=Lax; Max-Age=31536000`
    }
    if (at("reveal")) {
      const field = byId(at("reveal").dataset.reveal)
      field.type = field.type === "password" ? "text" : "password"
    }
    if (at("again")) {
      const image = byId(at("again").dataset.again), url = new URL(image.src)
      if (url.protocol.startsWith("http")) { url.searchParams.set("again", Date.now()); image.src = url } else location.reload()
    }
    if (at("copy")) {
      try { await navigator.clipboard.writeText(at("copy").dataset.copy); toast(word("copied"), "good") }
      catch { toast(word("notCopied"), "warn") }
    }
  })

  // --- one poll per page: counts and lists listen to this event; nothing is asked while nobody looks
  setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new CustomEvent("telerad:tick")) }, 15000)

  // --- time left: the clock is the server's
  const server = document.querySelector("meta[name=server-time]")
  const ahead = server ? Date.parse(server.content) - Date.now() : 0
  const spell = (seconds, exact) => {
    const m = Math.floor(seconds / 60)
    if (exact && m < 10) return word("seconds", { m, s: String(Math.floor(seconds % 60)).padStart(2, "0") })
    return m < 60 ? word("minutes", { m }) : word("hours", { h: Math.floor(m / 60), m: String(m % 60).padStart(2, "0") })
  }
  const clocks = () => document.querySelectorAll("[data-due]").forEach((box) => {
    const now = Date.now() + ahead, due = Date.parse(box.dataset.due), since = Date.parse(box.dataset.since || box.dataset.due)
    const left = (due - now) / 1000, share = due > since ? Math.min(1, Math.max(0, (now - since) / (due - since))) : 1
    box.classList.toggle("over", left < 0)
    box.classList.toggle("soon", left >= 0 && share > 0.75)
    const text = left < 0 ? word("late", { time: spell(-left, false) }) : spell(left, box.dataset.exact !== undefined)
    const label = box.querySelector("span") ?? box
    if (label.textContent !== text) label.textContent = text
    const bar = box.querySelector("progress")
    if (bar) bar.value = left < 0 ? 1 : share
  })
  setInterval(() => { if (!document.hidden) clocks() }, 1000)

  // --- a row that a notice led to
  const locate = () => document.querySelector("tr.located")?.scrollIntoView({ block: "center" })

  window.telerad = Object.freeze({ toast, send, newKey, headers: csrf, word, inText, closeMenus, show })
  holdAll(); clocks(); locate()
  const drawn = byId("dialog")
  if (drawn?.childElementCount) show(drawn, true, "")
})()
