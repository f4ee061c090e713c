// Images of the workspace: the viewer in its frame or window, and 相关资源. The viewer's messages: plugins/viewer/extension/telerad.mjs
const WATCH = 2000, MOST = 20 // ms between questions which study is shown; pictures in a report
const byId = (id) => document.getElementById(id)

export const makeViewer = ({ call, url, studyUid, words, onImage, onMismatch, onActive }) => {
  const pane = byId("ws-viewer"), none = byId("ws-no-viewer"), root = byId("ws")
  let frame = null, second = null, address = "", differs = false

  const partner = () => second && !second.closed ? second : frame?.contentWindow
  const say = (type, facts) => partner()?.postMessage({ type: `telerad:${type}`, ...facts }, location.origin)
  const missing = (text) => { none.querySelector("b").textContent = text; none.hidden = false }
  const compare = ({ studies }) => {
    const now = Boolean(studyUid) && studies.length > 0 && !studies.includes(studyUid)
    if (now || differs) say("alarm", { text: now ? words.alarm : "" })
    if (now === differs) return
    differs = now
    root.classList.toggle("mismatch", now)
    onMismatch(now)
  }
  const open = async () => {
    none.hidden = true
    frame?.remove()
    frame = null
    try {
      const { viewer } = await call(`${url}/images`, { method: "POST" })
      if (!viewer) return missing(words.noViewer)
      address = viewer
      frame = Object.assign(document.createElement("iframe"), { src: viewer, title: pane.getAttribute("aria-label") })
      pane.append(frame)
    } catch (error) { missing(words.gone.replace("{why}", error.message || words.failed)) }
  }
  addEventListener("message", ({ source, origin, data }) => {
    if (origin !== location.origin || !source || source !== partner() || typeof data?.type !== "string") return
    if (data.type === "telerad:key-image") onImage(data, (state, text) => say("answer", { id: data.id, state, text }))
    if (data.type === "telerad:key-series") say("answer", { id: data.id, state: "refused", text: words.noSeries })
    if (data.type === "telerad:study") compare(data)
    if (data.type === "telerad:activity") onActive()
    if (data.type === "telerad:refused") missing(words.gone.replace("{why}", data.status ?? ""))
  })
  setInterval(() => {
    if (root.classList.contains("alone") && (!second || second.closed)) { root.classList.remove("alone"); second = null; open() }
    if (!document.hidden || second) say("which")
  }, WATCH)
  none.querySelector("button").addEventListener("click", open)
  byId("ws-second").addEventListener("click", () => {
    if (second && !second.closed) return second.focus()
    if (!address) return undefined
    second = window.open(address, `telerad-viewer-${studyUid}`, "popup,width=1600,height=1000")
    if (second) { root.classList.add("alone"); frame?.remove(); frame = null }
    return undefined
  })
  open()
  return { get differs() { return differs } }
}

// Key images: those ticked are in the report, in this order, then the others in the order they were taken.
export const makePictures = ({ call, url, base, captures, words, onChange }) => {
  const box = byId("ws-captures"), all = new Map(captures.map((one) => [one.id, one]))
  let chosen = [], editable = true

  const button = (icon, label, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", className: "as-link", title: label, ariaLabel: label })
    made.append(Object.assign(document.createElement("i"), { className: `ti ti-${icon}` }))
    made.addEventListener("click", act)
    return made
  }
  const move = (id, to) => {
    const at = chosen.indexOf(id)
    if (at < 0 || to < 0 || to >= chosen.length) return
    chosen.splice(at, 1)
    chosen.splice(to, 0, id)
    draw()
    onChange()
  }
  const tick = (id, on) => {
    chosen = on ? [...chosen, id].slice(0, MOST) : chosen.filter((other) => other !== id)
    draw()
    onChange()
  }
  const card = (one, number) => {
    const at = chosen.indexOf(one.id), name = one.caption || words.picture.replace("{n}", number)
    const card = Object.assign(document.createElement("figure"), { className: "ki", draggable: editable && at >= 0 })
    card.dataset.capture = one.id
    const im = Object.assign(document.createElement("div"), { className: "im" })
    im.append(Object.assign(new Image(), { src: one.url, alt: name, loading: "lazy" }))
    const label = document.createElement("label"), check = Object.assign(document.createElement("input"), { type: "checkbox", className: "form-check-input", checked: at >= 0, disabled: !editable || at < 0 && chosen.length >= MOST })
    check.addEventListener("change", () => tick(one.id, check.checked))
    label.append(check, Object.assign(document.createElement("small"), { textContent: name, title: name }))
    card.append(im, label)
    if (editable && at >= 0 && chosen.length > 1) {
      const order = Object.assign(document.createElement("div"), { className: "order" })
      order.append(button("arrow-left", words.left, () => move(one.id, at - 1)), button("arrow-right", words.right, () => move(one.id, at + 1)))
      card.append(order)
    }
    return card
  }
  const draw = () => {
    const numbers = new Map([...all.keys()].map((id, at) => [id, at + 1]))
    const rest = [...all.keys()].filter((id) => !chosen.includes(id))
    box.replaceChildren(...[...chosen, ...rest].filter((id) => all.has(id)).map((id) => card(all.get(id), numbers.get(id))))
    byId("ws-chosen").textContent = words.chosen.replace("{n}", chosen.length).replace("{all}", all.size)
  }
  let dragged = ""
  box.addEventListener("dragstart", (event) => { dragged = event.target.closest?.("[data-capture]")?.dataset.capture ?? "" })
  box.addEventListener("dragover", (event) => { if (dragged) event.preventDefault() })
  box.addEventListener("drop", (event) => {
    const target = event.target.closest("[data-capture]")?.dataset.capture
    if (dragged && target) { event.preventDefault(); move(dragged, chosen.indexOf(target)) }
    dragged = ""
  })

  return {
    get chosen() { return [...chosen] },
    set(ids) { chosen = [...ids]; draw() },
    edit(may) { editable = may; draw() },
    // Keep a picture that the viewer sent. Answers what to say there.
    async add({ sop, frame, png }) {
      const form = new FormData()
      form.append("file", png, "key.png")
      form.append("sop_instance_uid", sop ?? "")
      form.append("frame", String(sop ? frame : 0))
      const { id, caption } = await call(`${url}/captures`, { method: "POST", form })
      all.set(id, { id, caption, url: `${base}/${id}` })
      if (chosen.length >= MOST) { draw(); return words.addedPlain }
      tick(id, true)
      return words.added
    },
  }
}
