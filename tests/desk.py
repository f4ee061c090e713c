"""A person at a browser without script: pages are read and forms are sent as they stand."""

from __future__ import annotations

import html
import re
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import Member


class Desk:
    """A member who logged in; paths are below the member's tenant."""

    def __init__(self, member: Member) -> None:
        self.root = f"/t/{member.tenant.code}"
        self.client = member.browser()

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(self.root + path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def page(self, path: str, **headers: str) -> str:
        """The text of a page that must be there."""
        answer = self.get(path, **headers)
        assert answer.status_code == 200, (path, answer.status_code, text_of(answer)[:300])
        return answer.get_data(as_text=True)

    def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        """Send a form with the token of the home page."""
        token = self.page("/").split('name="csrf_token" value="')[1].split('"')[0]
        return self.client.post(
            self.root + path, data={"csrf_token": token, **(form or {})},
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        )

    def follow(self, answer: TestResponse) -> str:
        """Go where an answer leads and read the page there."""
        assert answer.status_code == 303, (answer.status_code, text_of(answer)[:300])
        there = self.client.get(answer.headers["Location"])
        assert there.status_code == 200, answer.headers["Location"]
        return there.get_data(as_text=True)


def text_of(answer: TestResponse | str) -> str:
    """What a person reads: no tags, no runs of blanks."""
    body = answer if isinstance(answer, str) else answer.get_data(as_text=True)
    body = re.sub(r"<(script|style|template)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def field(page: str, name: str) -> str:
    """The value that a form of the page carries in a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found[1])


def row_of(page: str, public_id: str) -> str:
    """One row of a list, as a person reads it."""
    found = re.search(rf'<tr id="row-{public_id}".*?</tr>', page, flags=re.DOTALL)
    assert found is not None, public_id
    return text_of(found[0])
