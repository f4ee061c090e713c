// Two versions of one draft: the server's, mine, and one put together from both that may still be edited.
import { textOf } from "./workspace-draft.js"
import { merge } from "./workspace-merge.js"

const byId = (id) => document.getElementById(id)
const PARTS = ["findings", "impression"]

// chosen(text, sentence, instead): what goes on, instead of the server's or not; no text keeps what stands in the fields. putAside(text): keep mine before theirs is taken.
export const makeConflict = ({ words, fill, clock, plain, read, opened, chosen, putAside }) => ({ there, base, since }) => {
  const dialog = byId("ws-conflict"), mine = read(), at = there.saved_at ?? since.saved_at
  const merged = Object.fromEntries(PARTS.map((part) => [part, merge(base[part], mine[part], there[part])]))
  byId("ws-conflict-title").textContent = fill(words.stale, { name: there.saved_by || since.saved_by || words.somebody, time: at ? clock(at) : "-" })
  dialog.querySelector("[data-part=theirs]").textContent = plain(there)
  dialog.querySelector("[data-part=mine]").textContent = plain(mine)
  PARTS.forEach((part) => { byId(`ws-merged-${part}`).value = merged[part].text })
  const clashes = PARTS.reduce((sum, part) => sum + merged[part].clashes, 0)
  byId("ws-clashes").textContent = clashes ? fill(words.clashes, { n: clashes }) : words.noClash
  let put = null
  dialog.querySelector("form").onsubmit = async (event) => {
    if (event.submitter?.value !== "theirs") return
    event.preventDefault()
    const buttons = dialog.querySelectorAll("footer button")
    buttons.forEach((button) => { button.disabled = true })
    put = await putAside(read())
    buttons.forEach((button) => { button.disabled = false })
    if (put) dialog.close("theirs")
    else event.submitter.focus()
  }
  dialog.returnValue = ""
  dialog.oncancel = (event) => event.preventDefault()
  dialog.onclose = () => {
    if (dialog.returnValue === "theirs") return chosen(textOf(there), put?.aside ? words.theirsKept : words.theirs, false)
    if (dialog.returnValue !== "merged") return chosen(null, "", true)
    const took = mine.positive !== base.positive ? mine.positive : there.positive, images = mine.images.join() !== base.images.join() ? mine.images : there.images
    return chosen({ findings: byId("ws-merged-findings").value, impression: byId("ws-merged-impression").value, positive: took, images }, words.merged, true)
  }
  opened()
  dialog.showModal()
}
