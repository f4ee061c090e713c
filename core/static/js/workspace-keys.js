// Keys of the workspace. None acts while an input method is composing, single letters never in a field.
const { inText } = window.telerad
const LAST_TAB = 4

// To the next blank `__` of an entry after the caret; without one Tab leaves the field as everywhere.
const nextBlank = (event, field) => {
  const found = /__+/.exec(field.value.slice(field.selectionEnd))
  if (!found) return
  event.preventDefault()
  const from = field.selectionEnd + found.index
  field.setSelectionRange(from, from + found[0].length)
}

export const installKeys = ({ fields, show, save, moveBy }) => {
  const chords = {
    "ctrl+s": save,
    "ctrl+d": () => show(LAST_TAB),
    "ctrl+enter": () => moveBy("[data-main]", { always: true }),
    "ctrl+shift+enter": () => moveBy('[data-event="submit"]', { always: true }),
    "alt+arrowup": () => { show(0); fields.findings.focus() },
    "alt+arrowdown": () => { show(0); fields.impression.focus() },
  }
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || document.querySelector("dialog:modal")) return
    const held = `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${event.altKey ? "alt+" : ""}${event.shiftKey ? "shift+" : ""}`
    const chord = chords[`${held}${event.key.toLowerCase()}`]
    if (chord) { event.preventDefault(); chord(); return }
    if (held === "alt+" && /^[1-9]$/.test(event.key)) { event.preventDefault(); show(Number(event.key) - 1); return }
    if (event.key === "Tab" && held === "" && Object.values(fields).includes(event.target) && !event.target.readOnly) { nextBlank(event, event.target); return }
    if (event.key === "?" && !inText(event.target)) { event.preventDefault(); event.stopImmediatePropagation(); document.getElementById("ws-keys").showModal() }
  }, { capture: true })
}
