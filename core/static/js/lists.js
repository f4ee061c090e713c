// Lists: row keys, the multi-select bar, order of columns, and what became of an open list.
(() => {
  "use strict"
  const { inText, closeMenus, send, word } = window.telerad
  const byId = (id) => document.getElementById(id)
  const boxes = (root) => [...root.querySelectorAll("[name=row]")]

  document.addEventListener("alpine:init", () => {
    window.Alpine.data("selection", () => ({
      ticked: 0, reason: "", refused: "", last: null,
      init() { this.count() },
      count(event) {
        if (event?.target.matches("[data-all]")) boxes(this.$root).forEach((box) => { box.checked = event.target.checked })
        const rows = boxes(this.$root), chosen = rows.filter((box) => box.checked), all = this.$root.querySelector("[data-all]")
        this.ticked = chosen.length
        if (all) { all.checked = chosen.length > 0 && chosen.length === rows.length; all.indeterminate = chosen.length > 0 && !all.checked }
        this.weigh(chosen)
      },
      // Buttons that cannot run stay, dashed, with the reason; the first reason also stands in the bar.
      weigh(chosen) {
        this.reason = ""; this.refused = ""
        for (const button of this.$root.querySelectorAll("[data-many]")) {
          const { many, few, lots, least, most } = button.dataset
          const against = chosen.map((box) => JSON.parse(box.dataset.refused || "{}")[many]).find(Boolean)
          const why = against ?? (chosen.length < Number(least) ? few : chosen.length > Number(most) ? lots : "")
          button.setAttribute("aria-disabled", why ? "true" : "false")
          button.title = why
          if (against && !this.refused) { this.refused = many; this.reason = why }
          if (chosen.length && why && !this.reason) this.reason = why
        }
      },
      range(event) {
        const box = event.target
        if (box.closest?.('[aria-disabled="true"]')) return event.preventDefault()
        if (!box.matches?.("[name=row]")) return
        const rows = boxes(this.$root)
        if (event.shiftKey && this.last?.isConnected) {
          const [from, to] = [rows.indexOf(this.last), rows.indexOf(box)].sort((a, b) => a - b)
          rows.slice(from, to + 1).forEach((other) => { other.checked = box.checked })
          this.count()
        }
        this.last = box
      },
      // Only the rows that the named button cannot take.
      drop() { boxes(this.$root).forEach((box) => { if (JSON.parse(box.dataset.refused || "{}")[this.refused]) box.checked = false }); this.count() },
      clear() { boxes(this.$root).forEach((box) => { box.checked = false }); this.count() },
    }))
  })

  // --- keys, only while no field has focus and no input method is composing
  const rows = () => [...document.querySelectorAll(".list .t tbody tr")]
  const here = () => document.querySelector(".list tr.here")
  const step = (by) => {
    const all = rows()
    if (!all.length) return
    const at = all.indexOf(here())
    here()?.classList.remove("here")
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]
    next.classList.add("here")
    next.scrollIntoView({ block: "nearest" })
  }
  const inRow = (selector) => here()?.querySelector(selector)
  const keys = {
    j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
    Enter: () => (inRow(".act .inline > a:not(.verb)") ?? inRow(".act .inline > a"))?.click(),
    " ": () => inRow("[name=row]")?.click(),
    g: () => inRow(".act .verb:not(.off)")?.click(),
    u: () => byId("upload-open")?.click(),
    r: () => refresh(),
    "/": () => (byId("find") ?? document.querySelector(".filters input[type=search]"))?.focus(),
    "?": () => byId("keys")?.showModal(),
  }
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === "Escape") {
      closeMenus(null)
      const any = document.querySelector(".list [name=row]:checked")
      if (any && !document.querySelector("dialog[open]")) { any.closest("form").querySelector("[data-clear]").click() }
      return
    }
    if (inText(event.target) || document.querySelector("dialog:modal")) return
    const onControl = event.target.closest("a, button, summary, input")
    if (onControl && (event.key === "Enter" || event.key === " ")) return
    const act = keys[event.key] ?? keys[event.key.toLowerCase()]
    if (!act || !(document.querySelector(".list") || "/u?".includes(event.key.toLowerCase()))) return
    if (/^Arrow/.test(event.key) && !here()) return
    event.preventDefault()
    act()
  })

  // --- an open list: rows never move by themselves. New ones are counted above, changed ones are replaced where they stand
  const seen = new WeakMap()
  let beats = 0, asking = false
  const refresh = () => {
    const list = document.querySelector(".list")
    if (!list) return location.reload()
    window.htmx.ajax("GET", location.pathname + location.search, { source: list, target: `#${list.id}`, swap: "outerHTML" })
  }
  // A row that is no longer there says so and can no longer be chosen.
  const leave = (row) => {
    if (row.classList.contains("gone")) return
    row.classList.add("gone")
    const box = row.querySelector("[name=row]")
    if (box) { box.checked = false; box.disabled = true; box.dispatchEvent(new Event("change", { bubbles: true })) }
    row.querySelector("td.act")?.replaceChildren(word("left"))
  }
  const replace = (list, fresh) => {
    const found = new Map([...fresh.querySelectorAll("tbody > tr")].map((row) => [row.id, row]))
    for (const old of list.querySelectorAll(".t tbody > tr")) {
      const row = found.get(old.id)
      if (!row) leave(old)
      if (!row || row.dataset.stamp === old.dataset.stamp || old.querySelector("details[open]") || old.contains(document.activeElement)) continue
      const made = document.importNode(row, true), box = made.querySelector("[name=row]")
      if (box) box.checked = old.querySelector("[name=row]")?.checked ?? false
      made.querySelector(".no").textContent = old.querySelector(".no").textContent
      made.classList.toggle("here", old.classList.contains("here"))
      made.classList.remove("located")
      made.classList.add("changed")
      old.replaceWith(made)
      window.htmx.process(made)
      if (box) box.dispatchEvent(new Event("change", { bubbles: true }))
    }
  }
  // One request per beat: an open list's answer brings the top bar's counts too, so their own poll hears nothing of it.
  const look = async (event) => {
    const list = document.querySelector(".list"), line = list?.querySelector(".fresh[data-url]")
    if (!line) return
    event.stopPropagation()
    if (asking || document.hidden) return
    const query = new URLSearchParams(location.search)
    for (const word of ["after", "before", "n", "at"]) query.delete(word)
    query.set("mark", line.dataset.mark)
    for (const row of list.querySelectorAll(".t tbody > tr[id]")) query.append("row", row.id.slice(4))
    if (beats++ % 2 === 1) query.set("tabs", "")
    asking = true
    try {
      const url = `${line.dataset.url}?${query}`, before = seen.get(line)
      const answer = await fetch(url, { headers: before?.url === url ? { "If-None-Match": before.tag } : {} })
      if (answer.status === 401 || answer.redirected) { document.dispatchEvent(new CustomEvent("telerad:gone", { detail: { quiet: true } })); return }
      if (answer.status !== 200) return
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
      for (const count of fresh.querySelectorAll("[id^=count-]")) if (byId(count.id)) byId(count.id).textContent = count.textContent
      if (!line.isConnected) return
      seen.set(line, { url, tag: answer.headers.get("ETag") })
      const news = fresh.querySelector(".fresh")
      if (line.textContent.trim() !== news.textContent.trim()) line.replaceChildren(...document.importNode(news, true).childNodes)
      const tabs = fresh.querySelector(".views"), shown = list.querySelector(".views")
      if (tabs && shown && !shown.contains(document.activeElement)) { shown.replaceWith(document.importNode(tabs, true)); window.htmx.process(list.querySelector(".views")) }
      replace(list, fresh)
    } catch { /* the next beat asks again; a lost connection is said elsewhere */ } finally { asking = false }
  }
  document.addEventListener("telerad:tick", look, true)
  document.addEventListener("click", (event) => { if (event.target.closest("[data-refresh]")) refresh() })

  // --- exports under way: two seconds, only while seen; the focus stays where it is
  const watch = async () => {
    const shown = document.querySelector("#exports[data-progress]")
    if (!shown || document.hidden) return
    try {
      const answer = await send(shown.dataset.progress, { redirect: "manual" })
      if (!answer.ok || !shown.isConnected) return
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("exports")
      const focus = shown.contains(document.activeElement) ? document.activeElement.id : ""
      shown.replaceWith(document.importNode(made, true))
      window.htmx.process(byId("exports"))
      if (focus) byId(focus)?.focus()
    } catch { /* the next beat asks again; a lost connection is said elsewhere */ }
  }
  setInterval(watch, 2000)

  // --- order of columns: drag, or Alt and an arrow; the form sends fields in the order they stand
  let dragged = null
  document.addEventListener("dragstart", (event) => { dragged = event.target.closest?.("[data-sortable] > li") ?? null; dragged?.classList.add("dragged") })
  document.addEventListener("dragend", () => { dragged?.classList.remove("dragged"); dragged = null })
  document.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest?.("[data-sortable] > li")
    if (!over || over.parentNode !== dragged.parentNode) return
    event.preventDefault()
    const { top, height } = over.getBoundingClientRect()
    over.parentNode.insertBefore(dragged, event.clientY < top + height / 2 ? over : over.nextSibling)
  })
  document.addEventListener("keydown", (event) => {
    const item = event.altKey && event.target.closest?.("[data-sortable] > li")
    if (!item || !["ArrowUp", "ArrowDown"].includes(event.key)) return
    event.preventDefault()
    if (event.key === "ArrowUp") item.previousElementSibling?.before(item); else item.nextElementSibling?.after(item)
    event.target.focus()
  })
})()
