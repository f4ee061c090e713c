"""What a browser can tell about a page by itself: axe findings, things cut off, text in the wrong language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
CUT = """() => {
  const found = [], name = (e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}.${[...e.classList].join(".")} «${(e.innerText || e.value || "").trim().slice(0, 30)}»`
  const root = document.scrollingElement
  if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} px wide`)
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getClientRects().length
  const scrolls = (e) => { for (let p = e; p; p = p.parentElement) if (/auto|scroll/.test(getComputedStyle(p).overflowX) && p.scrollWidth > p.clientWidth) return true; return false }
  for (const e of document.body.querySelectorAll("*")) {
    if (!shown(e) || e.closest(".unseen, .skip, svg, iframe, #toasts, option")) continue
    const look = getComputedStyle(e), box = e.getBoundingClientRect()
    if (/auto|scroll/.test(look.overflowX) && e.scrollWidth > e.clientWidth + 1 && !e.matches(SCROLLERS)) found.push(`scrolls sideways by ${e.scrollWidth - e.clientWidth}: ${name(e)}`)
    if (/hidden|clip/.test(look.overflowX) && look.textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 2 && !e.matches("input, img, .t td")) found.push(`cut off by ${e.scrollWidth - e.clientWidth}: ${name(e)}`)
    if (/hidden|clip/.test(look.overflowY) && e.scrollHeight > e.clientHeight + 1 && e.clientHeight > 2 && !e.matches("input, img, .t td, .cut")) found.push(`cut off below by ${e.scrollHeight - e.clientHeight}: ${name(e)}`)
    if (!e.childElementCount && e.textContent.trim() && box.width > 2 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(e.parentElement)) found.push(`outside at ${Math.round(box.left)}-${Math.round(box.right)}: ${name(e)}`)
  }
  return found
}"""
OUT_OF_REACH = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length && !e.closest(".skip, dialog:not([open])") && !e.matches(".skip, [disabled]"))
  .filter((e) => {
    e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" })
    const box = e.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return true
    const hit = document.elementFromPoint(x, y)
    return !hit || !(e.contains(hit) || hit.contains(e) || hit.closest("label")?.contains(e) || e.closest("label")?.contains(hit) || hit.closest("label")?.control === e)
  })
  .map((e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}.${[...e.classList].join(".")} «${(e.innerText || e.ariaLabel || e.title || e.name || "").trim().slice(0, 30)}»`)"""
FUNCTIONS = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length)
  .map((e) => `${e.tagName} ${e.id || e.getAttribute("href") || e.name || e.getAttribute("aria-label") || e.textContent.trim().slice(0, 40)}`)"""
WORDS = """() => {
  const found = [], take = (text, where) => { if (/[\\u3400-\\u9fff\\uf900-\\ufaff\\u3000-\\u303f\\uff00-\\uffef]/.test(text)) found.push([text.trim(), where]) }
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(`script, style, html[lang=en] [lang="zh-CN"]`)) take(walk.currentNode.data, walk.currentNode.parentElement.outerHTML.slice(0, 120))
  for (const e of document.querySelectorAll("*")) if (!e.closest(`html[lang=en] [lang="zh-CN"]`)) for (const a of ["title", "aria-label", "placeholder", "alt", "data-confirm", "data-verb"]) if (e.hasAttribute(a)) take(e.getAttribute(a), `${a} of ${e.outerHTML.slice(0, 120)}`)
  for (const e of document.querySelectorAll("[data-words]")) take(e.dataset.words, "data-words")
  for (const e of document.querySelectorAll("#words")) for (const v of Object.values(e.dataset)) take(v, "#words")
  return found
}"""


@cache
def axe_source() -> str:
    return AXE.read_text("utf-8")


def findings(page: Page) -> list[str]:
    """WCAG 2.1 A and AA findings of axe, as sentences. Frames of other documents are not entered."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(axe_source())
    result: dict[str, Any] = page.evaluate(
        "(tags) => axe.run(document, { iframes: false, runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })", TAGS
    )
    return [
        f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in result["violations"] for node in rule["nodes"]
    ]


def cut_off(page: Page, *, scrollers: str = ".nothing") -> list[str]:
    """What is cut off or scrolls sideways. ``scrollers`` may scroll: a selector."""
    found: list[str] = page.evaluate(CUT.replace("SCROLLERS", repr(scrollers)))
    return found


def out_of_reach(page: Page) -> list[str]:
    """Controls that cannot be brought under the pointer by scrolling."""
    found: list[str] = page.evaluate(OUT_OF_REACH)
    return found


def functions(page: Page) -> set[str]:
    return set(page.evaluate(FUNCTIONS))


def foreign_words(page: Page, data: list[str]) -> list[str]:
    """Chinese text that is not one of the ``data``: names, descriptions and texts that people wrote."""
    left = []
    for text, where in page.evaluate(WORDS):
        for piece in sorted(data, key=len, reverse=True):
            text = text.replace(piece, "")
        if any("㐀" <= c <= "鿿" or "　" <= c <= "〿" or "＀" <= c <= "￯" for c in text):
            left.append(f"{text} ({where})")
    return left
