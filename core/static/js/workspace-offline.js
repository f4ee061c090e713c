// The connection of the workspace: what is typed is kept in this browser until the server has it; the strips say so.
import { makeStore } from "./offline.js"
import { same, textOf } from "./workspace-draft.js"
import { places } from "./workspace-merge.js"

const AFTER_KEY = 250, STRIP_AFTER = 5000 // ms
const byId = (id) => document.getElementById(id)

// plain(text): the text as one to be copied. putAside(text): keep it on the server before it goes here. onChange(): connected or not has changed.
export const makeConnection = ({ id, key, user, words, fill, read, plain, putAside, onChange }) => {
  const store = makeStore({ key, name: `${user}.${id}` })
  let timer = 0, stripTimer = 0, offline = false, safe = true, before = null, found = false, left = null

  const strips = () => {
    const copied = byId("ws-unsafe").querySelector("[data-copy]"), late = offline && stripTimer === 0
    byId("ws-offline").hidden = !(late && safe)
    byId("ws-unsafe").hidden = !(late && !safe)
    copied.dataset.copy = plain(read())
  }
  const keep = (draft) => {
    clearTimeout(timer)
    timer = setTimeout(async () => {
      const text = read()
      if (same(text, draft.base)) { store.drop(); return }
      safe = await store.keep({ rev: draft.rev, base: textOf(draft.base), text, at: Date.now() })
      strips()
    }, AFTER_KEY)
  }
  byId("ws-offline").querySelector("b").textContent = words.offline
  byId("ws-unsafe").querySelector("b").textContent = words.unsafe
  byId("ws-kept").querySelector("b").textContent = words.kept_here
  byId("ws-kept-drop").addEventListener("click", async ({ currentTarget: button }) => {
    button.disabled = true
    const put = await putAside(left)
    button.disabled = false
    if (!put) return
    store.drop()
    byId("ws-kept").hidden = true
    if (put.aside) window.telerad.toast(words.putAside, "good")
  })

  return {
    keep,
    get offline() { return offline },
    // The server has it all: nothing stays here.
    drop() { clearTimeout(timer); store.drop() },
    down(draft) {
      if (offline) return
      offline = true
      before = draft?.base ?? null
      stripTimer = setTimeout(() => { stripTimer = 0; strips() }, STRIP_AFTER)
      if (draft) keep(draft)
      onChange()
    },
    up(draft) {
      if (!offline) return
      offline = false
      clearTimeout(stripTimer)
      stripTimer = 0
      strips()
      const n = before && draft ? places(before, draft.base) : 0
      window.telerad.toast(n ? fill(words.back, { n }) : words.backPlain, "good")
      onChange()
    },
    // Text that an earlier page could not bring to the server: it goes on from there, or meets what came since.
    async resume(draft, { write }) {
      const kept = await store.read()
      if (!kept || found) return
      found = true
      if (same(kept.text, draft.base)) { store.drop(); return }
      const server = draft.base
      if (kept.rev === draft.rev || same(kept.base, server)) {
        before = server
        write(kept.text)
        draft.touch()
        if (await draft.flush()) window.telerad.toast(fill(words.back, { n: places(server, draft.base) }), "good")
        return
      }
      write(kept.text)
      draft.meet({ ...textOf(server), rev: draft.rev, base: kept.base })
    },
    // Somebody else holds the report now: what is here can be copied or removed.
    async offer(shown) {
      const kept = await store.read()
      if (!kept) return
      if (same(kept.text, shown)) { store.drop(); return }
      left = kept.text
      byId("ws-kept").querySelector("[data-copy]").dataset.copy = plain(kept.text)
      byId("ws-kept").hidden = false
    },
  }
}
