// The question for the password, over whatever page wants it. Answers true when it was given, false when it was put away.
const { send, toast, word } = window.telerad
const ADDRESS = "/me/confirm"
let asking = null

const fetched = async () => {
  const answer = await send(ADDRESS, { headers: { "HX-Request": "true" }, redirect: "manual", cache: "no-store" })
  return answer.ok ? answer.text() : ""
}
const show = (dialog, page) => {
  dialog.replaceChildren(...new DOMParser().parseFromString(page, "text/html").body.childNodes)
  dialog.querySelector("h2").id = "fresh-title"
  dialog.querySelector("[name=next]")?.remove()
  dialog.querySelector("[name=fresh_password]").focus()
}
const ask = async () => {
  const page = await fetched().catch(() => "")
  if (!page) { toast(word("offline"), "error"); return false }
  const opener = document.activeElement, dialog = Object.assign(document.createElement("dialog"), { className: "dialog", id: "fresh" })
  dialog.setAttribute("aria-labelledby", "fresh-title")
  document.body.append(dialog)
  dialog.showModal()
  show(dialog, page)
  return new Promise((done) => {
    let given = false
    dialog.addEventListener("close", () => { dialog.remove(); opener?.focus?.(); done(given) })
    dialog.addEventListener("submit", async (event) => {
      event.preventDefault()
      const form = event.target, verb = form.querySelector(".btn-primary")
      verb.disabled = true
      try {
        const answer = await send(ADDRESS, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, redirect: "manual" })
        given = answer.status === 204
        if (given || answer.type === "opaqueredirect") dialog.close()
        else if (answer.status === 422) show(dialog, await answer.text())
        else toast(new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent.trim() || word("gone"), "error")
      } catch { toast(word("offline"), "error") }
      verb.disabled = false
    })
  })
}
export const askPassword = () => asking ??= ask().finally(() => { asking = null })
