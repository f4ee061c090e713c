// What changed between two texts: kept, removed and added pieces, by words of Latin letters, numbers and single characters.
const MOST = 4_000_000 // cells of the table; beyond that the middle counts as replaced
const pieces = (text) => text.match(/[A-Za-z]+|\d+(?:\.\d+)?|\s+|./gsu) ?? []

const table = (a, b) => {
  const wide = b.length + 1, cells = new Uint16Array((a.length + 1) * wide)
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      cells[i * wide + j] = a[i] === b[j] ? cells[(i + 1) * wide + j + 1] + 1 : Math.max(cells[(i + 1) * wide + j], cells[i * wide + j + 1])
    }
  }
  return (i, j) => cells[i * wide + j]
}

// [kind, text] with kind "=", "-" or "+"; neighbours of one kind are one piece.
export const difference = (before, after) => {
  const a = pieces(before), b = pieces(after), found = []
  const put = (kind, text) => {
    if (found.at(-1)?.[0] === kind) found.at(-1)[1] += text
    else if (text) found.push([kind, text])
  }
  let start = 0, end = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1
  const x = a.slice(start, a.length - end), y = b.slice(start, b.length - end)
  put("=", a.slice(0, start).join(""))
  if (x.length * y.length > MOST) { put("-", x.join("")); put("+", y.join("")) } else {
    const longest = table(x, y)
    let i = 0, j = 0
    while (i < x.length || j < y.length) {
      if (i < x.length && j < y.length && x[i] === y[j]) { put("=", x[i]); i += 1; j += 1 }
      else if (i < x.length && (j === y.length || longest(i + 1, j) >= longest(i, j + 1))) { put("-", x[i]); i += 1 }
      else { put("+", y[j]); j += 1 }
    }
  }
  put("=", end ? a.slice(-end).join("") : "")
  return found
}

// Draw the difference and answer how many places differ.
export const showDifference = (box, before, after) => {
  const tags = { "-": "del", "+": "ins" }
  const found = difference(before, after)
  box.replaceChildren(...found.map(([kind, text]) => kind === "=" ? document.createTextNode(text) : Object.assign(document.createElement(tags[kind]), { textContent: text })))
  return found.filter(([kind], at) => kind !== "=" && (at === 0 || found[at - 1][0] === "=")).length
}
