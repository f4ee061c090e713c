// Asking the server from the report workspace: what went wrong has a kind, and a dead session is mended in place.
import { askPassword } from "./fresh.js"

const { newKey, send } = window.telerad
const WITHIN = 20000 // ms until a request counts as lost
const KEEPALIVE_BYTES = 60000 // what a browser takes along when a page is closed (64 KiB for all of them)

export class Offline extends Error {}
export class Refused extends Error {
  constructor(status, body) {
    super(body.detail || "")
    this.status = status
    this.code = String(body.type || "").split(":").at(-1)
    this.body = body
  }
}

const isJson = (answer) => /json/.test(answer.headers.get("Content-Type") || "")
const once = async (url, { method, json, form, key, keepalive }) => {
  const body = form ?? (json ? JSON.stringify(json) : undefined)
  const headers = { Accept: "application/json" }
  if (json) headers["Content-Type"] = "application/json"
  if (key) headers["Idempotency-Key"] = key
  const small = typeof body === "string" && new TextEncoder().encode(body).length < KEEPALIVE_BYTES
  const signal = AbortSignal.timeout(form ? 3 * WITHIN : WITHIN)
  try {
    const answer = await send(url, { method, body, headers, redirect: "manual", cache: "no-store", keepalive: Boolean(keepalive && small), signal })
    const content = isJson(answer) ? await answer.json() : {}
    return { status: answer.type === "opaqueredirect" ? 401 : answer.status, content }
  } catch { throw new Offline() }
}

export const makeServer = () => {
  const { signIn, renewed } = window.teleradSession

  // Answers the body, or throws Offline (no answer, or one of a broken server) or Refused.
  // A POST has a key, the same one when it is sent again after a login; an empty one means that doing it twice is no harm.
  const call = async (url, { method = "GET", key = method === "POST" ? newKey() : "", ...given } = {}) => {
    for (let mended = false; ;) {
      const { status, content } = await once(url, { method, key, ...given })
      if (status < 400) return content
      if (status === 401) { await signIn(); continue }
      const refused = new Refused(status, content)
      if (refused.code === "csrf" && !mended && await renewed()) { mended = true; continue }
      if (refused.code === "fresh-password-required" && await askPassword()) continue
      if (status >= 500) throw new Offline()
      throw refused
    }
  }
  return { call }
}
