// Written for the oldest engines: a browser without what the style sheets and scripts need gets one plain page that says so.
(function () {
  function able() {
    try {
      return CSS.supports("color", "light-dark(#fff, #000)") && CSS.supports("color", "oklch(from #fff l c h)") &&
        CSS.supports("color", "color-mix(in srgb, #fff, #000)") && CSS.supports("selector(:has(a))") &&
        typeof HTMLDialogElement === "function" && typeof BroadcastChannel === "function" && typeof AbortSignal.timeout === "function"
    } catch (error) { return false }
  }
  if (able()) return
  var said = document.getElementById("old-browser"), sheets = document.querySelectorAll("link[rel=stylesheet]"), i
  for (i = 0; i < sheets.length; i += 1) sheets[i].parentNode.removeChild(sheets[i])
  said.removeAttribute("hidden")
  function alone() {
    while (document.body.firstChild) document.body.removeChild(document.body.firstChild)
    document.body.appendChild(said)
  }
  alone()
  document.addEventListener("DOMContentLoaded", alone)
})()
