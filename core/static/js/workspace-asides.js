// A text that is given up goes to the server first, where its writer finds it for 30 days. Until it is there, it stays here.
import { textOf } from "./workspace-draft.js"

// Answers { aside } once nothing can be lost (null: there was nothing to keep), or null, having said that it was not stored.
export const makeAsides = ({ call, url, words, stored }) => async (text) => {
  try {
    const { aside } = await call(url, { method: "POST", json: textOf(text) })
    if (aside) stored(aside)
    return { aside }
  } catch (error) {
    window.telerad.toast([words.notAside, error.message].filter(Boolean).join(" · "), "error")
    return null
  }
}
