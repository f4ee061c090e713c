// Two texts that grew from one: what only one side changed is taken, what both changed stands with both wordings.
import { difference } from "./workspace-diff.js"

// Changes as [from, to, text] over the base.
const changes = (base, text) => {
  const found = []
  let at = 0, open = null
  for (const [kind, piece] of difference(base, text)) {
    if (kind === "=") { at += piece.length; open = null; continue }
    if (!open) found.push(open = [at, at, ""])
    if (kind === "-") { at += piece.length; open[1] = at } else open[2] += piece
  }
  return found
}
const apart = ([from, to], [start, end]) => to < start || end < from || to === start && from !== to && start !== end || end === from && from !== to && start !== end

// Answers { text, clashes }: how many places both sides changed, each in its own way.
export const merge = (base, mine, theirs) => {
  const left = changes(base, mine), right = changes(base, theirs)
  let text = "", at = 0, clashes = 0
  while (left.length || right.length) {
    const first = !right.length || left.length && left[0][0] <= right[0][0] ? left : right
    const one = first.shift(), others = first === left ? right : left
    if (!others.length || apart(one, others[0])) { text += base.slice(at, one[0]) + one[2]; at = one[1]; continue }
    const group = { mine: first === left ? [one] : [], theirs: first === left ? [] : [one] }
    let [from, to] = one
    for (let grew = true; grew;) {
      grew = false
      for (const [side, list] of [["mine", left], ["theirs", right]]) {
        while (list.length && !apart([from, to], list[0])) { const next = list.shift(); group[side].push(next); from = Math.min(from, next[0]); to = Math.max(to, next[1]); grew = true }
      }
    }
    const wording = (list) => { let out = "", here = from; for (const [start, end, piece] of list) { out += base.slice(here, start) + piece; here = end } return out + base.slice(here, to) }
    const ours = wording(group.mine), others2 = wording(group.theirs)
    if (ours !== others2) clashes += 1
    text += base.slice(at, from) + (ours === others2 ? ours : others2 + ours)
    at = to
  }
  return { text: text + base.slice(at), clashes }
}

// Places where two reports differ: pieces of both texts, the result, the pictures.
export const places = (before, after) => ["findings", "impression"].reduce((sum, part) => sum + changes(before[part], after[part]).length, 0) +
  Number(before.positive !== after.positive) + Number(before.images.join() !== after.images.join())
