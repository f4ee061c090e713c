// The draft: saved by itself, one save at a time, each naming the revision it began from. The text lives in the fields;
// what the server has is `saved`. Nothing typed is dropped: a save that fails leaves the fields as they are and is tried again.
import { Offline } from "./workspace-server.js"

const AFTER_KEY = 2000, AT_MOST = 10000, SHOW_AFTER = 1000, RETRY = [2000, 4000, 8000, 15000] // ms
const normal = (text) => text.replace(/\r\n?/g, "\n").normalize("NFC")

export const textOf = ({ findings, impression, positive, images }) => ({ findings, impression, positive, images: [...images] })
export const same = (one, other) =>
  normal(one.findings) === normal(other.findings) && normal(one.impression) === normal(other.impression) &&
  one.positive === other.positive && one.images.join() === other.images.join()

// tell(what, facts): changed, saving, saved, offline, online, refused, conflict, lost
export const makeDraft = ({ call, url, rev, text, read, tell }) => {
  let saved = textOf(text), since = 0, timer = 0, running = null, tries = 0, on = true, held = null, refused = null, over = false
  let unsure = [] // texts whose saving got no answer: they may have arrived

  const dirty = () => !same(read(), saved)
  const plan = (delay) => { clearTimeout(timer); timer = setTimeout(save, delay) }
  const keep = (there, body) => { rev = there.rev; saved = textOf(body); unsure = []; refused = null; over = false }

  const touch = () => {
    if (!on || held) return
    if (!dirty()) { since = 0; return tell("saved", {}) }
    since ||= Date.now()
    tell("changed", {})
    if (!tries) plan(Math.min(AFTER_KEY, Math.max(0, since + AT_MOST - Date.now())))
  }

  const lose = (error) => { on = false; clearTimeout(timer); tell("lost", { error }); return false }
  const fail = (sent) => {
    unsure = [...unsure.slice(-20), sent]
    plan(RETRY[Math.min(tries, RETRY.length - 1)])
    tries += 1
    tell("offline", {})
    return false
  }
  const arrived = (there) => { tell("saved", there); if (dirty()) tell("changed", {}) }
  const put = async (sent) => {
    const there = await call(`${url}/draft`, { method: "PUT", json: { rev, ...sent, keep_replaced: over }, keepalive: true })
    keep(there, sent)
    arrived(there)
    return true
  }
  // Somebody saved since. It may have been this page: a save whose answer was lost.
  const settle = async (sent) => {
    const { draft } = await call(url)
    if (!draft) return lose(null)
    if (same(draft, sent)) { keep(draft, sent); arrived(draft); return true }
    if (unsure.some((one) => same(one, draft))) { keep(draft, draft); return put(sent) }
    held = draft
    tell("conflict", { draft })
    return false
  }
  const run = async () => {
    const sent = read()
    if (!on || held) return false
    if (same(sent, saved)) return true
    clearTimeout(timer)
    since = 0
    const slow = setTimeout(() => tell("saving", {}), SHOW_AFTER)
    try {
      const done = await put(sent).catch((error) => { if (error.code === "stale-draft") return settle(sent); throw error })
      if (tries) { tries = 0; tell("online", {}) }
      return done
    } catch (error) {
      if (error instanceof Offline) return fail(sent)
      if ([403, 404, 409].includes(error.status)) return lose(error)
      refused = sent
      tell("refused", { error })
      return false
    } finally { clearTimeout(slow) }
  }
  const save = () => running ??= run().finally(() => {
    running = null
    if (on && !held && !tries && dirty() && !(refused && same(read(), refused))) plan(AFTER_KEY)
  })

  return {
    touch, save, dirty,
    get rev() { return rev },
    // What the server has, as far as this page knows.
    get base() { return saved },
    get isOffline() { return tries > 0 },
    // Whether the server now has all that stands in the fields.
    async flush() {
      while (await save()) if (!dirty()) return true
      return false
    },
    // Text that began from an older revision meets what the server has now.
    meet(draft) { held = draft; tell("conflict", { draft }) },
    // After a conflict: go on from what the server has, with whatever stands in the fields; `instead`: the next save has the server keep its own aside.
    goOn(instead) { if (held) { keep(held, held); held = null; over = instead } ; touch() },
    adopt(there) { keep(there, there); since = 0; tries = 0; clearTimeout(timer) },
    stop() { on = false; clearTimeout(timer) },
    start() { on = true },
  }
}
