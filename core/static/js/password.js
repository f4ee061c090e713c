// The rule beside a new password: each line is ticked as it is met. The server decides.
(() => {
  "use strict"
  const field = document.getElementById("f-password"), lines = document.querySelectorAll("#password-rules li")
  if (!field || lines.length !== 6) return
  const met = (text) => [
    text.length >= 8 && text.length <= 24, /[A-Z]/.test(text), /[a-z]/.test(text), /[0-9]/.test(text),
    field.dataset.symbol === "no" || /[$@&_]/.test(text), /^[A-Za-z0-9$@&_]+$/.test(text),
  ]
  field.addEventListener("input", () => met(field.value).forEach((ok, i) => {
    lines[i].classList.toggle("met", ok)
    lines[i].querySelector(".ti").className = `ti ti-${ok ? "check" : "point"}`
  }))
})()
