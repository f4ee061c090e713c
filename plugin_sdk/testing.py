"""For the tests of a plugin: a whole house on SQLite, with a hospital and a diagnosis group that are connected.

The fixtures ``house``, ``browser``, ``study`` and ``asked`` come with the distribution, nothing needs to be imported.
Everything is the real thing: migrations, sessions, hooks, jobs, the web. Every plugin from outside that is installed is
on for both sides, and is the one asked where several provide the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from .consultation import PartCount, RequestView, Urgency
from .types import Ctx, LinkView, Side, StudyFacts, TenantView, UserView

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

PASSWORD = "Secret2026$"
PEOPLE: tuple[tuple[str, Side, str], ...] = (
    ("technician", "hospital", "technician"), ("doctor", "hospital", "doctor"), ("h_admin", "hospital", "admin"),
    ("reader", "group", "reader"), ("reviewer", "group", "reviewer"), ("g_admin", "group", "admin"),
)
"""Who works here: what ``house.person`` calls them, their side and their role."""
ONE_PART = (PartCount(name="胸部", count=1),)
WORDS = {"findings": "双肺纹理清晰，未见结节。", "impression": "胸部未见异常。", "positive": False}


class Browser(Protocol):
    """A person at a browser without script. Paths are below ``/t/<tenant>``."""

    def get(self, path: str) -> TestResponse: ...
    def page(self, path: str) -> str:
        """The text of a page that must be there."""
        ...

    def post(self, path: str, form: Mapping[str, Any] | None = None) -> TestResponse:
        """Send a form with the token of the home page."""
        ...


class Person(Protocol):
    """A member of one of the two tenants."""

    user: UserView
    tenant: TenantView
    role: str

    def call(self, method: str, path: str, json: Any = None) -> TestResponse:
        """Call ``/api/v1/t/<tenant><path>`` with a token of this person."""
        ...

    def browser(self) -> Browser:
        """A browser that logged in through the form."""
        ...

    def ctx(self, *, write: bool = True) -> AbstractContextManager[Ctx]:
        """This person's ctx, with the rights of the role; commits at the end."""
        ...


class House(Protocol):
    """A hospital and a group. Each has a life of its own: two houses share the database, and nothing else.

    A ctx that writes holds SQLite's only write lock: leave its ``with`` before a browser or a job is to write.
    """

    hospital: TenantView
    group: TenantView
    link: LinkView

    def at_hospital(self, *, write: bool = True) -> AbstractContextManager[Ctx]:
        """The hospital's ctx with every right of its side; commits at the end."""
        ...

    def at_group(self, *, write: bool = True) -> AbstractContextManager[Ctx]: ...
    def person(self, name: str) -> Person:
        """Somebody of ``PEOPLE`` by the name there."""
        ...

    def study(self, *, name: str = "测试甲", modality: str = "CT", body_part: str = "CHEST", images: int = 1) -> StudyFacts:
        """Draw small images of a patient and let them in, as an upload does."""
        ...

    def ask(
        self, study: StudyFacts, *, parts: Sequence[PartCount] = ONE_PART, urgency: Urgency = Urgency.NORMAL
    ) -> RequestView:
        """The doctor asks the group for a report."""
        ...

    def finish(self, asked: RequestView, **words: Any) -> RequestView:
        """Accept, write, review and confirm: the whole way of a request, through the API. ``words`` as in ``WORDS``."""
        ...

    def set(self, side: Side, of: type[Any], **values: Any) -> None:
        """Store settings of a tenant, or of the connection where the dataclass has scope ``link``."""
        ...

    def switch(self, plugin: str, *, on: bool) -> None:
        """Switch a plugin on or off for both sides that it has."""
        ...

    def choose(self, capability: str, plugin: str) -> None:
        """Let a plugin answer for a capability on both sides that it has, where several can."""
        ...

    def work(self) -> None:
        """Deliver events and run jobs until nothing is due."""
        ...

    def later(self, by: timedelta) -> None:
        """Let time pass, for the database too, and do what has become due. The fixture ``house`` turns it back."""
        ...

    def another(self) -> House:
        """Another hospital and group, strangers to these."""
        ...


class Core(Protocol):
    """The application under test. ``broken`` says why a plugin did not start."""

    broken: Mapping[str, str]

    def house(self) -> House: ...
    def turn_back(self) -> None:
        """Undo every ``later``."""
        ...

    def close(self) -> None: ...


def load_core(data: Path) -> Core:
    """Start the product on a new SQLite database in ``data``, with every plugin that is installed."""
    return cast(Core, import_module("core.trial.house").Trial(data))
