// The draft: saved 2 s after the last key and at most 10 s apart; what is typed is never thrown away.
// While the server does not answer, the text waits in memory and, encrypted with a key of this page, in session storage.
window.workspaceDraft = ({ api, rev, read, write, word, say, strip, lost, stale }) => {
  "use strict"
  const AFTER = 2000, AT_MOST = 10000, RETRY = 3000
  const shop = `draft:${api}`
  let dirty = false, timer = 0, first = 0, busy = null, offline = false, stopped = false, key = null, mark = 0
  const clock = () => new Date().toLocaleTimeString("zh-CN", { hour12: false })

  const seal = async () => {
    if (!window.crypto?.subtle) return
    key ??= await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const body = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(JSON.stringify(read())))
    sessionStorage.setItem(shop, btoa(String.fromCharCode(...iv, ...new Uint8Array(body))))
  }
  const gone = () => {
    if (!offline) { offline = true; strip(word("offline"), "offline"); document.body.classList.add("offline") }
    seal().catch(() => say(word("lost"), "lost"))
    clearTimeout(timer)
    timer = setTimeout(save, RETRY)
  }
  const back = () => {
    if (!offline) return
    offline = false
    document.body.classList.remove("offline")
    sessionStorage.removeItem(shop)
    strip(word("back"), "", 4000)
  }
  const put = async (text, from, keepalive = false) => {
    const answer = await window.telerad.send(`${api}/draft`, {
      method: "PUT", keepalive, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...text, rev: from }),
    })
    return [answer.status, await answer.json().catch(() => ({}))]
  }
  const run = async () => {
    const text = read(), at = mark
    const slow = setTimeout(() => say(word("saving"), ""), 1000)
    try {
      const [status, answer] = await put(text, rev)
      if (status === 200) {
        rev = answer.rev
        dirty = mark !== at
        back()
        say(`${word("saved")} ${clock()}`, "ok")
        if (dirty) plan()
        return true
      }
      if (status >= 500) { gone(); return false }
      back()
      if (status === 401) { strip(word("expired"), "expired"); say(word("lost"), "lost"); clearTimeout(timer); timer = setTimeout(save, RETRY); return false }
      if (status === 409 && answer.type?.endsWith("stale-draft")) { const kept = await stale(answer, text); if (kept === "mine") { rev = answer.rev; return run() } location.reload(); return false }
      if (status === 409) { stopped = true; lost(answer); say(word("lost"), "lost"); return false }
      say(answer.errors?.[0]?.message ?? answer.detail ?? word("lost"), "lost")
      return false
    } catch { gone(); return false } finally { clearTimeout(slow) }
  }
  const save = () => {
    if (stopped) return Promise.resolve(false)
    clearTimeout(timer)
    first = 0
    busy = (busy ?? Promise.resolve()).then(run)
    return busy
  }
  const plan = () => {
    if (stopped) return
    first ||= Date.now()
    clearTimeout(timer)
    timer = setTimeout(save, Math.max(0, Math.min(AFTER, first + AT_MOST - Date.now())))
  }
  return {
    changed() { dirty = true; mark += 1; plan() },
    save, stop() { stopped = true },
    flush() { if (dirty && !stopped) save() },
    get dirty() { return dirty }, get offline() { return offline }, get rev() { return rev },
    async settle() { clearTimeout(timer); if (busy) await busy; return dirty ? save() : true },
    write,
  }
}
