// Lists: row keys, the multi-select bar, order of columns.
(() => {
  "use strict"
  const { inText, closeMenus } = window.telerad
  const boxes = (root) => [...root.querySelectorAll("[name=row]")]

  document.addEventListener("alpine:init", () => {
    window.Alpine.data("selection", () => ({
      ticked: 0, reason: "", refused: false, last: null,
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
        this.reason = ""; this.refused = false
        for (const button of this.$root.querySelectorAll("[data-many]")) {
          const { many, few, lots, least, most } = button.dataset
          const against = chosen.map((box) => JSON.parse(box.dataset.refused || "{}")[many]).find(Boolean)
          const why = against ?? (chosen.length < Number(least) ? few : chosen.length > Number(most) ? lots : "")
          button.setAttribute("aria-disabled", why ? "true" : "false")
          button.title = why
          if (against) this.refused = true
          if (chosen.length && why && (against || !this.reason)) this.reason = why
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
      drop() { boxes(this.$root).forEach((box) => { if (box.dataset.refused) box.checked = false }); this.count() },
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
    u: () => document.getElementById("upload-open")?.click(),
    r: () => location.reload(),
    "/": () => (document.getElementById("find") ?? document.querySelector(".filters input[type=search]"))?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
  }
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === "Escape") {
      closeMenus(null)
      const any = document.querySelector(".list [name=row]:checked")
      if (any && !document.querySelector("dialog[open]")) { any.closest("form").querySelector(".foot-many button[type=button].btn").click() }
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
