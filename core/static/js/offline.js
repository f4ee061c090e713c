// What the server does not have yet, kept in this browser: AES-GCM, under a key that only a session of the same person is
// handed and that is never stored. Names of records are ids; dropped as soon as the server has the text, and at log-out.
const DATABASE = "telerad", STORE = "drafts"
const open = () => new Promise((done, fail) => {
  const ask = indexedDB.open(DATABASE, 1)
  ask.onupgradeneeded = () => ask.result.createObjectStore(STORE)
  ask.onsuccess = () => done(ask.result)
  ask.onerror = ask.onblocked = () => fail(ask.error)
})
const within = async (mode, act) => {
  const db = await open()
  try {
    return await new Promise((done, fail) => {
      const work = db.transaction(STORE, mode, { durability: "strict" }), asked = act(work.objectStore(STORE))
      work.oncomplete = () => done(asked?.result)
      work.onerror = work.onabort = () => fail(work.error)
    })
  } finally { db.close() }
}

// Drop what was kept for a person, at log-out. A browser that never kept anything is left without a database.
export const forget = (user) => new Promise((done, fail) => {
  const ask = indexedDB.open(DATABASE, 1)
  ask.onupgradeneeded = () => ask.transaction.abort()
  ask.onerror = () => done()
  ask.onblocked = () => fail(ask.error)
  ask.onsuccess = () => {
    const db = ask.result, work = db.transaction(STORE, "readwrite")
    work.objectStore(STORE).delete(IDBKeyRange.bound(`${user}.`, `${user}.\uffff`))
    work.oncomplete = () => { db.close(); done() }
    work.onerror = work.onabort = () => { db.close(); fail(work.error) }
  }
})

// key: Base64 of 32 bytes; name: ids only. keep() and drop() run one after the other and answer whether it worked.
export const makeStore = ({ key, name }) => {
  const label = new TextEncoder().encode(name)
  const secret = (async () => crypto.subtle.importKey("raw", Uint8Array.from(atob(key), (c) => c.charCodeAt(0)), "AES-GCM", false, ["encrypt", "decrypt"]))()
  secret.catch(() => undefined)
  let last = Promise.resolve()
  const next = (act) => {
    const done = last.then(act).then(() => true, () => false)
    last = done
    return done
  }
  return {
    keep: (facts) => next(async () => {
      const iv = crypto.getRandomValues(new Uint8Array(12))
      const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: label }, await secret, new TextEncoder().encode(JSON.stringify(facts)))
      await within("readwrite", (store) => { store.put({ iv, data }, name) })
    }),
    drop: () => next(() => within("readwrite", (store) => { store.delete(name) })),
    // What was kept, or null: nothing, or nothing that this key opens.
    async read() {
      try {
        const found = await within("readonly", (store) => store.get(name))
        if (!found) return null
        const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv: found.iv, additionalData: label }, await secret, found.data)
        return JSON.parse(new TextDecoder().decode(text))
      } catch { return null }
    },
  }
}
