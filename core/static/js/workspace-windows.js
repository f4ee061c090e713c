// One window edits a report: the first. Another one of the same browser shows the same text and may take over.
const ASK = 300, GIVE = 5000 // ms to wait for an answer

// onLeave() must bring what was typed to the server; it is waited for before the other window goes on.
export const makeWindows = (id, { onPassive, onActive, onLeave, onText }) => {
  const channel = new BroadcastChannel(`telerad-report-${id}`), me = `${performance.timeOrigin + performance.now()}-${Math.random()}`
  let active = false, asking = true, waiting = null
  const say = (what, facts = {}) => channel.postMessage({ what, from: me, ...facts })
  const begin = () => { asking = false; waiting = null; active = true; onActive() }

  channel.addEventListener("message", async ({ data }) => {
    if (data.what === "hello" && (active || asking && me < data.from)) say("held", { to: data.from })
    if (data.what === "held" && data.to === me && asking) { asking = false; onPassive() }
    if (data.what === "text" && !active && !asking) onText(data)
    if (data.what === "take" && active) {
      active = false
      onPassive()
      await onLeave()
      say("given", { to: data.from })
    }
    if (data.what === "given" && data.to === me && waiting) { clearTimeout(waiting); begin() }
  })
  say("hello")
  setTimeout(() => { if (asking) begin() }, ASK)
  return {
    share(facts) { if (active) say("text", facts) },
    take() { if (!waiting) { say("take"); waiting = setTimeout(begin, GIVE) } },
    close() { channel.close() },
  }
}
