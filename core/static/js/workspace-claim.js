// The claim: only a key or a pointer moves its end; nobody there for a while, no beat, and the session may end.
import { Offline } from "./workspace-server.js"

const RENEW = 30000, AGAIN = 5000, QUIET_AFTER = 300000 // ms: heartbeat, one that failed, nobody there

// held(): whether there is a claim to be renewed. lose(error): it is somebody else's now.
export const makeClaim = ({ call, url, words, fill, clock, draft, connection, lose, held }) => {
  let lastAlive = Date.now(), activeSince = true

  const shown = ({ claim }) => {
    const until = document.getElementById("ws-until")
    if (claim && until) until.textContent = fill(words.until, { time: clock(claim.until, false) })
  }
  const renew = async () => {
    if (!held() || Date.now() - lastAlive > QUIET_AFTER) return
    const active = activeSince
    activeSince = false
    try {
      shown(await call(`${url}/renew`, { method: "POST", json: { active }, key: "" }))
      if (!draft.isOffline) connection.up(draft)
    } catch (error) {
      activeSince ||= active
      if (error instanceof Offline) { connection.down(draft); setTimeout(renew, AGAIN) }
      else if ([403, 404, 409].includes(error.status)) lose(error)
    }
  }
  const alive = () => { activeSince = true; lastAlive = Date.now() }
  for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, alive, { capture: true, passive: true })

  return { shown, renew, alive, start() { setInterval(renew, RENEW) } }
}
