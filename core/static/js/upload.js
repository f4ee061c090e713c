// Uploads: one queue per page (a store), so that the dialog can be put away while it runs.
(() => {
  "use strict"
  const { headers, newKey, send, word } = window.telerad
  const AT_ONCE = 3, ASKED_AT_ONCE = 6
  const MB = 1048576
  const icons = { stored: "circle-check", duplicate: "copy", held: "alert-triangle", refused: "circle-x", not_sent: "circle-x", sending: "loader-2 turning", processing: "loader-2 turning", waiting: "clock" }
  const DONE = ["stored", "duplicate", "held", "refused", "not_sent"]

  const size = (bytes) => (bytes < MB / 20 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / MB).toFixed(1)} MB`)
  const hasMagic = async (file) => (await file.slice(128, 132).text()) === "DICM"

  // Folders of a drop are walked; a browser hands out a folder's entries in portions.
  const filesOf = async (entry) => {
    if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))]
    const reader = entry.createReader(), found = []
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail))
      if (!some.length) return found
      for (const each of some) found.push(...await filesOf(each))
    }
  }

  document.addEventListener("alpine:init", () => {
    const { Alpine } = window
    let number = 0

    Alpine.store("upload", {
      rows: [], paused: false, adding: 0, batch: null, watched: [], watching: false, seen: true, config: null, started: 0, sentBefore: 0,
      get busy() { return this.rows.some((row) => !DONE.includes(row.state)) },
      get bytes() { return this.rows.reduce((sum, row) => sum + (row.state === "not_sent" ? 0 : row.size), 0) },
      get sent() { return this.rows.reduce((sum, row) => sum + row.sent, 0) },

      async add(files) {
        if (!this.busy) { this.started = Date.now(); this.sentBefore = this.sent }
        this.adding += 1
        for (const file of files) {
          this.rows.push({ id: ++number, name: file.name, size: file.size, sent: 0, state: "waiting", note: "", link: "", counts: null, lines: [], upload: null, batch: null, received: "" })
          const row = this.rows.at(-1), why = await this.refusal(file)
          row.file = () => file
          if (why) { row.state = "not_sent"; row.note = why } else { this.join(row); this.next() }
        }
        this.adding -= 1
        this.settle(this.batch)
      },
      // What is added while files are on their way is one upload: its studies are complete when all of it is there.
      join(row) {
        if (!window.tus) return
        this.batch ??= { rows: [], id: null, finished: false }
        this.batch.rows.push(row)
        row.batch = this.batch
      },
      async refusal(file) {
        const { dcmBytes, zipBytes, words } = this.config, kind = file.name.toLowerCase().split(".").pop()
        if (file.size === 0) return words.empty
        if (kind === "zip") return file.size < zipBytes ? "" : words.zipTooBig
        if (kind !== "dcm" && (/\.[a-z]+$/i.test(file.name) || !await hasMagic(file))) return words.wrongKind
        return file.size < dcmBytes ? "" : words.dcmTooBig
      },
      next() {
        if (this.paused) return
        const running = this.rows.filter((row) => row.state === "sending").length
        for (const row of this.rows.filter((each) => each.state === "waiting" && each.file).slice(0, Math.max(0, AT_ONCE - running))) {
          row.state = "sending"
          window.tus ? this.byTus(row) : this.byForm(row)
        }
      },
      async begun() {
        const reply = await send(this.config.multipart, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json", "Idempotency-Key": newKey() }, body: "{}" })
        if (!reply.ok) throw Object.assign(new Error("refused"), { body: await reply.text() })
        return (await reply.json()).id
      },
      async byTus(row) {
        const { batch } = row
        let id
        row.upload = () => ({ abort() {} })
        try { id = await (batch.id ??= this.begun()) } catch (error) { batch.id = null; return this.lost(row, error.body) }
        if (row.state !== "sending") return // cancelled meanwhile
        const upload = new window.tus.Upload(row.file(), {
          endpoint: this.config.endpoint, headers: { ...headers(), "Idempotency-Key": newKey() }, chunkSize: this.config.chunk, retryDelays: [0, 1000, 3000, 5000, 10000],
          metadata: { filename: row.name, batch: id }, storeFingerprintForResuming: false, // names of files may name patients: nothing is stored
          onProgress: (sent) => { row.sent = sent },
          onSuccess: () => this.arrived(row, new URL(upload.url, location.href).pathname.split("/").pop()),
          onError: (error) => this.lost(row, error.originalResponse?.getBody()),
        })
        row.upload = () => upload
        if (!this.paused) upload.start()
      },
      byForm(row) {
        const request = new XMLHttpRequest(), form = new FormData()
        form.append("file", row.file(), row.name)
        request.open("POST", this.config.multipart)
        for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value)
        request.setRequestHeader("Accept", "application/json")
        request.setRequestHeader("Idempotency-Key", newKey())
        request.upload.onprogress = (event) => { row.sent = Math.min(row.size, event.loaded) }
        request.onload = () => {
          if (request.status >= 300) return this.lost(row, request.responseText)
          this.arrived(row, "")
          this.follow({ id: JSON.parse(request.responseText).id, rows: [row], finished: true })
        }
        request.onerror = () => this.lost(row, "")
        row.upload = () => ({ abort: () => request.abort() })
        request.send(form)
      },
      lost(row, body) {
        let said = {}
        try { said = JSON.parse(body || "{}") } catch { said = {} } // a proxy answers with HTML
        row.state = "not_sent"; row.sent = 0
        row.note = this.config.reasons[said.reason] ?? said.detail ?? word("offline")
        this.next()
        this.settle(row.batch)
      },
      cancel(row) {
        row.upload?.().abort(true)
        row.state = "not_sent"; row.sent = 0; row.note = this.config.words.cancelled
        this.next()
        this.settle(row.batch)
      },
      retry(row) {
        Object.assign(row, { state: "waiting", note: "", sent: 0, received: "" })
        if (row.batch !== this.batch || !this.batch) this.join(row)
        this.next()
      },
      pause() {
        this.paused = !this.paused
        for (const row of this.rows.filter((each) => each.state === "sending")) this.paused ? row.upload?.().abort() : row.upload?.().start?.()
        this.next()
      },

      arrived(row, received) {
        Object.assign(row, { state: "processing", sent: row.size, received })
        this.next()
        this.settle(row.batch)
      },
      settle(batch) {
        if (!batch || batch !== this.batch || this.adding) return
        if (batch.rows.some((row) => row.batch === batch && ["waiting", "sending"].includes(row.state))) return
        this.batch = null
        if (batch.rows.some((row) => row.state === "processing")) this.follow(batch)
      },

      // Received is not stored: ask until every file has its outcome.
      follow(batch) {
        this.watched.push(batch)
        if (!this.watching) this.watch()
      },
      async watch() {
        this.watching = true
        for (let wait = 300; this.watched.length; wait = Math.min(2000, wait * 1.3)) {
          await new Promise((go) => setTimeout(go, wait))
          const open = [...this.watched].slice(0, ASKED_AT_ONCE)
          const over = await Promise.all(open.map((batch) => this.look(batch)))
          this.watched = this.watched.filter((batch) => !over[open.indexOf(batch)])
        }
        this.watching = false
      },
      // Whether nothing is left to ask about this upload.
      async look(batch) {
        try {
          const at = `${this.config.status}/${encodeURIComponent(await batch.id)}`, accept = { Accept: "application/json" }
          const ask = async (path, method = "GET") => send(at + path, { method, headers: accept })
          let reply = batch.finished ? await ask("?files=0") : await ask("/finish", "POST")
          if ([401, 403, 404].includes(reply.status)) return this.gone(batch, await reply.text())
          if (!reply.ok) return false
          batch.finished = true
          if ((await reply.json()).state !== "done") return false
          reply = await ask("")
          if (!reply.ok) return false
          this.conclude(batch, (await reply.json()).files)
          return true
        } catch (error) {
          if (!(error instanceof TypeError)) throw error // no network: asked again
          return false
        }
      },
      gone(batch, body) {
        for (const row of batch.rows.filter((each) => each.state === "processing")) this.lost(row, body)
        return true
      },
      conclude(batch, files) {
        const of = new Map()
        for (const file of files) {
          const from = file.parent ?? file.id
          of.has(from) ? of.get(from).push(file) : of.set(from, [file])
        }
        for (const row of batch.rows.filter((each) => each.batch === batch || !each.batch)) {
          if (row.state === "processing") this.settled(row, row.received ? of.get(row.received) ?? [] : files)
        }
        document.body.dispatchEvent(new CustomEvent("telerad:uploaded"))
      },
      settled(row, files) {
        const { reasons, words } = this.config, text = (file) => file.text || reasons[file.reason] || file.reason
        row.counts = Object.fromEntries(["stored", "duplicate", "held", "refused"].map((kind) => [kind, files.filter((file) => file.outcome === kind).length]))
        row.counts.files = files.length
        row.state = DONE.find((state) => row.counts[state]) ?? "refused"
        const study = files.find((file) => file.study_id)?.study_id
        if (study && this.config.study) row.link = `${this.config.study}/${encodeURIComponent(study)}`
        const others = files.filter((file) => file.outcome !== "stored")
        if (files.length === 1) row.note = others.length && text(others[0]) !== words[row.state] ? text(others[0]) : ""
        else row.lines = others.slice(0, 200).map((file, at) => ({ at, name: file.name, outcome: words[file.outcome], text: text(file) }))
      },

      // Every file, and every file of a zip that has been opened, is in exactly one sum.
      totals() {
        const sums = { stored: 0, duplicate: 0, held: 0, refused: 0, processing: 0, sending: 0, waiting: 0, not_sent: 0 }
        for (const row of this.rows) {
          if (row.counts) for (const kind of ["stored", "duplicate", "held", "refused"]) sums[kind] += row.counts[kind] ?? 0
          else sums[row.state] += 1
        }
        return sums
      },
    })

    const queue = () => Alpine.store("upload")
    Alpine.data("upload", () => ({
      over: false,
      init() {
        const { endpoint, multipart, status, study = "", dcmBytes, zipBytes, chunk, words, reasons } = this.$root.dataset
        queue().config = { endpoint, multipart, status, study, dcmBytes: Number(dcmBytes), zipBytes: Number(zipBytes), chunk: Number(chunk) || 8 * MB, words: JSON.parse(words), reasons: JSON.parse(reasons || "{}") }
        queue().seen = true
      },
      get rows() { return queue().rows },
      get any() { return queue().rows.length > 0 },
      get busy() { return queue().busy },
      get idle() { return !queue().busy },
      get paused() { return queue().paused },
      get pauseLabel() { return queue().config.words[queue().paused ? "resume" : "pause"] },
      get share() { return queue().bytes ? queue().sent / queue().bytes : 0 },
      get heading() {
        const { busy, rows, config } = queue()
        return busy ? config.words.running.replace("{n}", rows.filter((row) => !DONE.includes(row.state)).length) : config.words.finished
      },
      get speed() {
        const { sent, bytes, started, sentBefore, busy } = queue(), seconds = (Date.now() - started) / 1000
        const rate = (sent - sentBefore) / Math.max(1, seconds), part = `${(sent / MB).toFixed(1)} / ${size(bytes)}`
        return busy && rate > 0 ? `${part} · ${size(rate)}/s` : part
      },
      get totals() {
        const sums = queue().totals(), { words } = queue().config
        const parts = Object.entries(sums).filter(([, count]) => count).map(([kind, count]) => `${words[kind]} ${count}`)
        const all = Object.values(sums).reduce((a, b) => a + b, 0)
        return parts.length ? `${words.all.replace("{n}", all)} = ${parts.join(" + ")}` : ""
      },
      sizeOf(row) { return size(row.size) },
      iconOf(row) { return `ti ti-${icons[row.state]}` },
      toneOf(row) { return { stored: "signed-ink", held: "soon-ink", refused: "critical-ink", not_sent: "critical-ink" }[row.state] ?? "" },
      wordOf(row) {
        const { words } = queue().config
        if (row.state === "sending") return `${words.sending} ${Math.floor(100 * row.sent / Math.max(1, row.size))}%`
        if (row.counts && row.counts.files > 1) return ["stored", "duplicate", "held", "refused"].filter((kind) => row.counts[kind]).map((kind) => `${words[kind]} ${row.counts[kind]}`).join("，")
        return words[row.state]
      },
      shareOf(row) { return row.size ? row.sent / row.size : 0 },
      isSending(row) { return row.state === "sending" },
      canCancel(row) { return row.state === "sending" || row.state === "waiting" },
      canRetry(row) { return row.state === "not_sent" && row.upload !== null },
      hasLines(row) { return row.lines.length > 0 },
      cancel(row) { queue().cancel(row) },
      retry(row) { queue().retry(row) },
      pause() { queue().pause() },
      pick(event) { queue().add([...event.target.files]); event.target.value = "" },
      enter() { this.over = true },
      leave() { this.over = false },
      async drop(event) {
        this.over = false
        const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
        const plain = [...event.dataTransfer.files]
        const files = entries.length ? (await Promise.all(entries.map(filesOf))).flat() : plain
        queue().add(files)
      },
      put() { this.$root.closest("dialog")?.close() },
    }))

    Alpine.data("tray", () => ({
      get shown() { return queue().rows.length > 0 && (queue().busy || !queue().seen) && !document.querySelector("dialog [x-data=upload]") },
      get text() { return queue().config ? (queue().busy ? `${queue().config.words.running.replace("{n}", queue().rows.filter((row) => !DONE.includes(row.state)).length)} ${Math.floor(100 * queue().sent / Math.max(1, queue().bytes))}%` : queue().config.words.finished) : "" },
      open() { document.getElementById("upload-open")?.click() },
      init() { document.addEventListener("close", () => { const keep = queue(); keep.seen = !keep.busy; keep.rows = [...keep.rows] }, true) },
    }))

    addEventListener("beforeunload", (event) => { if (queue().busy) { event.preventDefault(); event.returnValue = word("leave") } })
  })
})()
