"""What a template may hold: the content policy and the escaping rules, read from the source."""

from __future__ import annotations

import re
from pathlib import Path

TAG = re.compile(r"<[a-zA-Z][\w-]*((?:\s|[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
ATTRIBUTE = re.compile(r"([@:\w.-]+)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]*)")
ADDRESS = re.compile(r"^(href|src|action|formaction|hx-(get|post|put|patch|delete)|data-\w*url)$")
OWN_ADDRESS = re.compile(
    r"^(url_for|here|safe_url)\(|^request\.(path|url)$|^(\w+\.)?urls\.\w+$|^(\w+\.)*\w*url$|^\([^()]*\([^()]*\)[^()]*\)\.url$"
    r"|^[\w.]+\|data_url$|^action$|^kept$"
)
FORM = re.compile(r"<form\b[^>]*\bmethod=[\"']?post.*?</form>", re.DOTALL | re.IGNORECASE)


def source(text: str, folder: Path | None = None) -> str:
    """A template without its comments; with a ``folder``, what it includes by name stands in it."""
    text = re.sub(r"{#.*?#}", "", text, flags=re.DOTALL)
    if folder is None:
        return text
    return re.sub(r'{% include "([\w./]+)"[^%]*%}', lambda m: source((folder / m[1]).read_text("utf-8"), folder), text)


def attributes(text: str) -> list[tuple[str, str]]:
    """Names and raw values of all attributes; an expression is kept as ``{{n}}`` so that its quotes do not count."""
    expressions: list[str] = []

    def keep(found: re.Match[str]) -> str:
        expressions.append(found[1].strip())
        return f"{{{{{len(expressions) - 1}}}}}"

    flat = re.sub(r"{%.*?%}", " ", re.sub(r"{{(.*?)}}(?!})", keep, text, flags=re.DOTALL), flags=re.DOTALL)
    return [
        (name, re.sub(r"{{(\d+)}}", lambda n: "{{" + expressions[int(n[1])] + "}}", value))
        for tag in TAG.finditer(flat)
        for name, value in ATTRIBUTE.findall(tag[1])
    ]


def problems(text: str) -> list[str]:
    """What the content policy or the escaping rules forbid in one template."""
    found = []
    if re.search(r"\|\s*safe\b|Markup\(|autoescape\s+false", text):
        found.append("escaping is switched off")
    if re.search(r"<style\b|javascript:", text, re.IGNORECASE):
        found.append("inline style sheet or script address")
    if any("src=" not in tag for tag in re.findall(r"<script\b[^>]*>", text)):
        found.append("inline script")
    if any(not re.search(r"\bcsrf\(\)|csrf_token\(\)", form) for form in FORM.findall(text)):
        found.append("a form posts without a token")
    for name, value in attributes(text):
        if value[:1] not in ('"', "'"):
            found.append(f"{name} is not quoted")
        if name == "style" or re.match(r"on[a-z]+$|hx-on", name):
            found.append(f"{name} is refused by the policy")
        if (name == "hx-trigger" and "[" in value) or value.strip("\"'").startswith("js:"):
            found.append(f"{name} needs eval")
        if ADDRESS.match(name) and not is_own_address(value.strip("\"'")):
            found.append(f"{name}={value} is not an address of ours")
    return found


def is_own_address(value: str) -> bool:
    if re.fullmatch(r"(/[a-z0-9-]+)+", value):
        return True  # a path of ours, written out
    if value.startswith("#"):
        return "{{" not in value
    if not (value.startswith("{{") and value.endswith("}}") and value.count("{{") == 1):
        return False
    expression = value[2:-2].strip()
    return OWN_ADDRESS.search(expression.partition("|default")[0].strip()) is not None
