// 修改记录: two texts side by side as one with marks, the marks of a review, what the checks remarked, and what was put aside.
import { textOf } from "./workspace-draft.js"
import { showDifference } from "./workspace-diff.js"

const byId = (id) => document.getElementById(id)
const PARTS = ["findings", "impression"]

// restore(text): put it into the fields. asides: newest first.
export const makeRecord = ({ versions, asides, read, words, fill, clock, plain, restore }) => {
  const known = [...versions], put = [...asides], selects = { before: byId("ws-before"), after: byId("ws-after") }
  let look = "after"

  const textAt = (key) => key === "now" ? read() : known.find((one) => String(one.n) === key) ?? put.find((one) => one.id === key) ?? { findings: "", impression: "" }
  const options = () => {
    for (const [side, select] of Object.entries(selects)) {
      const kept = select.value, made = known.map((one) => new Option(`${fill(words.nth, { n: one.n })} · ${one.author} ${clock(one.at)} · ${one.status}`, one.n))
      made.push(...put.map((one) => new Option(fill(words.aside, { time: clock(one.at, true, true) }), one.id)))
      select.replaceChildren(...made, new Option(words.now, "now"))
      select.value = kept && kept !== "now" ? kept : side === "after" ? "now" : String(known.at(-1)?.n ?? "now")
    }
  }
  const chosen = () => put.find((one) => one.id === selects.before.value)
  const compare = () => {
    byId("ws-aside").hidden = !chosen()
    byId("ws-aside").querySelector("[data-copy]").dataset.copy = chosen() ? plain(chosen()) : ""
    const before = textAt(selects.before.value), after = textAt(selects.after.value)
    const places = PARTS.reduce((sum, part) => sum + showDifference(byId(`compare-${part}`), before[part], after[part]), 0)
    byId("ws-differences").textContent = places ? fill(words.differences, { n: places }) : words.none
  }
  // A review starts from the author's text: 原文, 显示修改, 最终.
  const marks = () => {
    const before = known.at(-1), now = read()
    let places = 0
    for (const part of PARTS) {
      const shown = byId(`shown-${part}`), field = byId(part)
      field.hidden = look !== "after"
      shown.hidden = look === "after"
      if (look === "changes") places += showDifference(shown, before?.[part] ?? "", now[part])
      if (look === "before") shown.textContent = before?.[part] ?? ""
    }
    if (byId("ws-changes")) byId("ws-changes").textContent = look === "changes" ? fill(words.differences, { n: places }) : ""
  }
  document.querySelectorAll("[data-look]").forEach((button) => button.addEventListener("click", () => {
    look = button.dataset.look
    document.querySelectorAll("[data-look]").forEach((other) => { other.ariaPressed = other === button ? "true" : "false" })
    marks()
  }))
  Object.values(selects).forEach((select) => select.addEventListener("change", compare))
  byId("ws-restore")?.addEventListener("click", () => { if (chosen()) restore(textOf(chosen())) })
  byId("ws-checks").querySelector("button").addEventListener("click", () => { byId("ws-checks").hidden = true })
  options()

  return {
    refresh() { if (!byId("panel-record").hidden) compare(); if (look !== "after") marks() },
    last: () => known.at(-1),
    keep(n, text) {
      const at = known.findIndex((one) => one.n === n), made = { n, status: "", author: "", at: new Date().toISOString(), ...known[at], ...textOf(text) }
      if (at < 0) known.push(made)
      else known[at] = made
      options()
      this.refresh()
    },
    // The same text put aside again is the same one, as of now.
    putAside(aside) {
      put.splice(0, put.length, aside, ...put.filter((one) => one.id !== aside.id))
      options()
      this.refresh()
    },
    // Worst first; the first is said, the others are counted.
    checks(found) {
      const box = byId("ws-checks")
      box.hidden = found.length === 0
      box.classList.toggle("stops", found.some((one) => one.level === "error"))
      box.querySelector("span").textContent = found.length ? `${found[0].text}${found.length > 1 ? ` (+${found.length - 1})` : ""}` : ""
      box.title = found.map((one) => one.text).join("\n")
    },
  }
}
