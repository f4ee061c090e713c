// Key images from the viewer: received, kept by the server, ticked for the report; and whether both show one study.
window.workspaceImages = ({ api, study, frame, box, count, editable, word, changed, mismatch, active }) => {
  "use strict"
  const tell = (message) => frame.contentWindow?.postMessage(message, location.origin)
  const chosen = () => [...box.querySelectorAll("figure")].filter((f) => f.querySelector("input").checked).map((f) => f.dataset.capture)
  const number = () => { count.textContent = word("chosen", { n: chosen().length, all: box.children.length }) }
  const add = (id, url, caption) => {
    const figure = Object.assign(document.createElement("figure"), { className: "ki" })
    figure.dataset.capture = id
    const frame1 = Object.assign(document.createElement("div"), { className: "im" })
    frame1.append(Object.assign(document.createElement("img"), { src: url, alt: caption }))
    const label = document.createElement("label")
    label.append(Object.assign(document.createElement("input"), { type: "checkbox", className: "form-check-input", checked: true }),
      Object.assign(document.createElement("small"), { textContent: caption }))
    figure.append(frame1, label)
    box.append(figure)
    number()
  }
  const keep = async ({ id, sop, frame: at, png }) => {
    if (!editable()) { tell({ type: "telerad:answer", id, state: "refused", text: word("taken") }); return }
    tell({ type: "telerad:answer", id, state: "received" })
    const form = new FormData()
    form.append("file", png, "key.png")
    form.append("sop_instance_uid", sop ?? "")
    form.append("frame", String(at ?? 0))
    form.append("caption", word("image"))
    try {
      const answer = await window.telerad.send(`${api}/captures`, { method: "POST", body: form })
      const body = await answer.json()
      if (answer.status !== 201) throw new Error(body.detail)
      add(body.id, URL.createObjectURL(png), body.caption)
      changed()
      tell({ type: "telerad:answer", id, state: "kept", text: word("kept") })
    } catch (error) { tell({ type: "telerad:answer", id, state: "refused", text: error.message }) }
  }
  const shows = ({ studies }) => {
    const differs = studies.length > 0 && !studies.includes(study)
    mismatch(differs)
    tell({ type: "telerad:alarm", text: differs ? word("differs") : "" })
  }
  window.addEventListener("message", (event) => {
    if (event.origin !== location.origin || event.source !== frame.contentWindow) return
    const { type } = event.data ?? {}
    if (type === "telerad:key-image") keep(event.data)
    else if (type === "telerad:study") shows(event.data)
    else if (type === "telerad:activity") active()
  })
  box.addEventListener("change", () => { number(); changed() })
  setInterval(() => tell({ type: "telerad:which" }), 2000)
  number()
  return {
    chosen,
    async open() {
      const answer = await window.telerad.send(`${api}/images`, { method: "POST" })
      if (answer.status === 201) frame.src = (await answer.json()).viewer
    },
  }
}
