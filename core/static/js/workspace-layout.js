// The frame of the workspace: tabs, the divider, the theme, the size of the letters. Nothing is kept beyond the page.
const byId = (id) => document.getElementById(id)
const SMALLEST = 14, LARGEST = 20, LEFT = 320, RIGHT = 560 // px

export const installLayout = ({ onTab }) => {
  const tabs = [...document.querySelectorAll("[role=tab]")]
  const show = (at) => {
    if (!tabs[at]) return
    tabs.forEach((tab, other) => {
      tab.ariaSelected = other === at ? "true" : "false"
      tab.tabIndex = other === at ? 0 : -1
      byId(tab.getAttribute("aria-controls")).hidden = other !== at
    })
    onTab()
  }
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(at))
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
      if (!by || event.altKey) return
      const next = (at + by + tabs.length) % tabs.length
      show(next)
      tabs[next].focus()
    })
  })

  const divider = byId("ws-divider"), panes = byId("main")
  const split = (x) => {
    const wide = panes.clientWidth, left = Math.min(Math.max(LEFT, x), Math.max(LEFT, wide - RIGHT - 5))
    panes.style.gridTemplateColumns = `${left}px 5px minmax(0, 1fr)`
    divider.ariaValueNow = String(Math.round(100 * left / wide))
  }
  divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); byId("ws").classList.add("dragging") })
  divider.addEventListener("pointermove", (event) => { if (divider.hasPointerCapture(event.pointerId)) split(event.clientX - panes.getBoundingClientRect().left) })
  divider.addEventListener("lostpointercapture", () => byId("ws").classList.remove("dragging"))
  divider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -32, ArrowRight: 32 }[event.key]
    if (by && !event.altKey) { event.preventDefault(); split(byId("ws-viewer").clientWidth + by) }
  })

  byId("ws-theme").addEventListener("click", () => {
    const html = document.documentElement, theme = html.dataset.theme === "dark" ? "light" : "dark"
    html.dataset.theme = theme
    html.dataset.bsTheme = theme
    byId("ws-theme").querySelector("i").className = `ti ti-${theme === "dark" ? "moon" : "sun"}`
  })
  let size = 15
  document.querySelectorAll("[data-size]").forEach((button) => button.addEventListener("click", () => {
    document.querySelectorAll(".ed").forEach((box) => box.classList.remove(`ed-${size}`))
    size = Math.min(LARGEST, Math.max(SMALLEST, size + Number(button.dataset.size)))
    document.querySelectorAll(".ed").forEach((box) => box.classList.add(`ed-${size}`))
  }))
  byId("ws-compare").addEventListener("click", () => show(tabs.indexOf(byId("tab-record"))))
  byId("ws-help").addEventListener("click", () => byId("ws-keys").showModal())
  return { show }
}
