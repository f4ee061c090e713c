"""``telerad plugin check``: packages as they are made have nothing to mend; each rule finds what breaks exactly it."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from core.trial.new import KINDS, create
from core.trial.texts import Texts

ROOT = Path(__file__).resolve().parent.parent.parent.parent
pytestmark = pytest.mark.sqlite  # its houses are on SQLite, whatever the tests run on
Break = Callable[[Path], None]
HOME = "telerad_acme_new"


def findings(folder: str, rules: tuple[str, ...]) -> list[str]:
    """Run in a process of its own, into which the package can be imported."""
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = os.pathsep.join((folder, str(ROOT)))
    importlib.invalidate_caches()
    from core.trial import check
    from core.trial.package import read

    return [str(f) for f in check.check(read(Path(folder)), rules)]


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """A process per package, forked from one that has imported the product already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["core.trial.house", "core.trial.check.walk", "core.trial.check.tables", "core.trial.check.declared"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        yield pool


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    """A new package as pip would have installed it."""

    def make(kind: str) -> Path:
        folder = create("acme_new", kind, tmp_path / kind)
        info = folder / "telerad_acme_new-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: telerad-acme-new\nVersion: 0.1.0\nRequires-Dist: telerad[server]>=0.1,<1\n")
        entry = "folder:make" if kind == "node" else "plugin:AcmeNew"
        (info / "entry_points.txt").write_text(f"[{KINDS[kind].group}]\nacme_new = {HOME}.{entry}\n")
        return folder

    return make


def swap(file: str, old: str, new: str) -> Break:
    """Write something else into a file."""

    def edit(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def after(file: str, line: str, more: str) -> Break:
    return swap(file, line, line + more)


def add(file: str, text: str) -> Break:
    def write(folder: Path) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + text, encoding="utf-8")

    return write


def both(*edits: Break) -> Break:
    def edit(folder: Path) -> None:
        for one in edits:
            one(folder)

    return edit


PLUGIN, NOTES, VIEWS, MODELS = (f"{HOME}/{name}.py" for name in ("plugin", "notes", "views", "models"))
VERSION, INFO = f"{HOME}/migrations/0001_notes.py", "telerad_acme_new-0.1.0.dist-info"
REGISTER = "    def register(self, reg: Registry) -> None:\n"
VIEW = '\n\n@bp.get("/more")\n@requires("hospital.acme_new.view")\ndef more() -> str:\n'
STUDY = "    study_id: Mapped[int] = mapped_column(BigInt"
COLUMN = '        sa.Column("study_id", BIG, nullable=False),\n'
IN_TABLE = '        sa.Column("tenant_id", BIG, nullable=False),\n'


def key(target: str, ondelete: str, model: str) -> Break:
    """A column that points somewhere, in model and migration alike."""
    constraint = f'        sa.ForeignKeyConstraint(["study_id"], ["{target}"]{ondelete}),\n'
    return both(
        after(MODELS, "    closed_at: Mapped[datetime | None]\n", model), after(VERSION, IN_TABLE, COLUMN),
        after(VERSION, '        sa.PrimaryKeyConstraint("id"),\n', constraint),
    )


EVERYBODYS = both(
    swap(MODELS, "class Note(Base, TenantMixin):", "class Note(Base):"), swap(VERSION, IN_TABLE, ""), swap(MODELS, "TenantMixin, ", ""),
    swap(VERSION, '        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], ondelete="RESTRICT"),\n', ""),
    swap(MODELS, '"tenant_id", "at", "id"', '"at", "id"'), swap(VERSION, '["tenant_id", "at", "id"]', '["at", "id"]'),
)
CASES: dict[str, tuple[str, Break, str]] = {
    # sources
    "a pin on what the house stands on": ("sources", add(f"{INFO}/METADATA", "Requires-Dist: SQLAlchemy==2.1.9\n"), "asks for SQLAlchemy==2.1.9"),
    "a pin on the house": ("sources", swap(f"{INFO}/METADATA", "telerad[server]>=0.1,<1", "telerad[server]==0.1.0"), "pins telerad[server]==0.1.0"),
    "an import in the manifest": (
        "sources", both(add(f"{HOME}/words.py", ""), after(PLUGIN, "from plugin_sdk.i18n import lazy as _l\n", "from telerad_acme_new import words\n")),
        "imports telerad_acme_new at the top"),
    "a heavy manifest": ("sources", after(PLUGIN, "from plugin_sdk.i18n import lazy as _l\n", "from plugin_sdk.lists import Column\n"), "importing it imports sqlalchemy"),
    "an import of core": ("sources", add(NOTES, "\n\ndef at() -> object:\n    from core import clock\n\n    return clock.now()\n"), "imports core, which may change"),
    "a session of one's own": ("sources", add(NOTES, '\n\ndef other() -> object:\n    return sa.create_engine("sqlite://")\n'), "sa.create_engine makes a session of its own"),
    # texts
    "a text without English": ("texts", swap(VIEWS, '_("已填写")', '_("已写好")'), "“已写好” has no English"),
    "a catalogue that was not compiled": ("texts", swap(f"{HOME}/translations/en/LC_MESSAGES/acme_new.po", '"Written"', '"Noted"'), "is not what was compiled"),
    # types
    "a function without types": ("types", add(NOTES, "\n\ndef untyped(x):  # noqa\n    return x\n"), "type error: Function is missing a type annotation"),
    # start
    "a view without a mark": ("start", add(VIEWS, '\n\n@bp.get("/open")\ndef free() -> str:\n    return ""\n'), "acme_new.free has no access mark"),
    "a public page below a tenant": ("start", both(add(VIEWS, '\n\n@bp.get("/open")\n@public\ndef free() -> str:\n    return ""\n'), swap(VIEWS, "ctx, in_panel", "ctx, public, in_panel")), "public in scope tenant"),
    "a permission nobody declared": ("start", swap(VIEWS, "acme_new.edit", "acme_new.change"), "nobody declared hospital.acme_new.change"),
    "an API to come": ("start", swap(PLUGIN, "api = (1, 1)", "api = (2, 0)"), "needs plugin API (2, 0)"),
    "a table under another name": ("start", swap(MODELS, '"acme_new_note"', '"note"'), "must begin with acme_new_"),
    "a job under another name": ("start", after(PLUGIN, REGISTER, '        reg.job("notes.sweep", "telerad_acme_new.notes:close")\n'), "job 'notes.sweep' must begin with acme_new."),
    "a misspelt hook": ("start", both(swap(PLUGIN, "import Plugin, Registry", "import Plugin, Registry, hookimpl"), add(PLUGIN, "\n    @hookimpl\n    def check_studys(self, ctx: object) -> None:\n        pass\n")), "unknown hook check_studys"),
    "a name that covers another's": (
        "start", both(add(f"{HOME}/second.py", 'from plugin_sdk.api import Plugin\n\n\nclass Second(Plugin):\n    name = "acme_new_too"\n'),
                      add(f"{INFO}/entry_points.txt", f"acme_new_too = {HOME}.second:Second\n")), "cannot be told from those of"),
    # declared
    "a permission of somebody else": ("declared", after(PLUGIN, REGISTER, '        reg.permission("hospital.notes.print", _l("打印"))\n'), "permission 'hospital.notes.print' does not begin"),
    "an audit kind of somebody else": ("declared", swap(PLUGIN, '"acme_new.closed"', '"note.closed"'), "audit kind 'note.closed' does not begin"),
    "a column of somebody else": (
        "declared", both(after(PLUGIN, REGISTER, '        reg.column("studies", "telerad_acme_new.notes:count_column")\n'),
                         add(NOTES, '\n\ndef count_column() -> Column:\n    return Column(key="notes", label=_l("交接记录"), cell=lambda r: "")\n')), "column 'notes' does not begin"),
    "a list of somebody else": ("declared", swap(NOTES, 'name="acme_new.notes"', 'name="notes"'), "list 'notes' does not begin"),
    "a role that is not there": ("declared", swap(PLUGIN, '_l("填写交接记录"), roles=("technician", "doctor")', '_l("填写交接记录"), roles=("nurse",)'), "given to the role 'nurse'"),
    "a menu that leads nowhere": ("declared", swap(PLUGIN, '"acme_new.index", "hospital', '"acme_new.start", "hospital'), "leads to 'acme_new.start', which is no view"),
    "a template that hides others": ("declared", add(f"{HOME}/templates/list.html", "mine"), "may hide a template of the same name"),
    "a template that cannot be read": ("declared", add(f"{HOME}/templates/acme_new/bad.html", "{% if %}"), "cannot be read: TemplateSyntaxError"),
    "a label in one language": ("declared", swap(PLUGIN, 'reg.audit_kind("acme_new.closed", _l("办结交接记录"))', 'reg.audit_kind("acme_new.closed", "办结交接记录")'), "is not translated when it is shown"),
    "settings that say nothing": ("declared", both(add(f"{HOME}/settings.py", "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Own:\n    most: int = 3\n"), after(PLUGIN, "    side = \"hospital\"\n", '    settings = {"tenant": "telerad_acme_new.settings:Own"}\n')), "setting 'most' says nothing about itself"),
    # tables
    "a table of everybody": ("tables", EVERYBODYS, "Note (acme_new_note) belongs to no tenant"),
    "a key into core's own": ("tables", key("job.id", ', ondelete="CASCADE"', f'{STUDY}, sa.ForeignKey("job.id", ondelete="CASCADE"))\n'), "points to job, which is another's table"),
    "a key into another plugin": ("tables", key("consultation_request.id", ', ondelete="CASCADE"', f'{STUDY}, sa.ForeignKey("consultation_request.id", ondelete="CASCADE"))\n'), "points to consultation_request, which is another's table"),
    "a key that says nothing": ("tables", key("account.id", "", f'{STUDY}, sa.ForeignKey("account.id"))\n'), "does not say what happens when its account goes"),
    "a key into any tenant": ("tables", key("study.id", ', ondelete="CASCADE"', f'{STUDY}, sa.ForeignKey("study.id", ondelete="CASCADE"))\n'), "may point into another tenant"),
    "tables that nothing makes": ("tables", swap(PLUGIN, '    migrations = "telerad_acme_new.migrations"\n', ""), "there are none, but acme_new_note is declared"),
    "a model that moved on": ("tables", after(MODELS, "    closed_at: Mapped[datetime | None]\n", "    closed_by: Mapped[int | None]\n"), "models and migrations differ: add_column acme_new_note closed_by"),
    "a downgrade that does nothing": ("tables", swap(VERSION, '    op.drop_table("acme_new_note")', "    pass"), "after downgrade acme_new_note is still there"),
    "a downgrade that fails": ("tables", swap(VERSION, '    op.drop_table("acme_new_note")', '    op.drop_table("acme_new_notes")'), "downgrade fails"),
    "a table that bears nobody's name": ("tables", both(add(MODELS, '\n\nsa.Table("shifts", Base.metadata, sa.Column("id", BigInt, primary_key=True))\n')), "table 'shifts' does not begin with acme_new_"),
    # walk
    "rows of everybody": ("walk", EVERYBODYS, "rows of Note are read by another tenant | shows one tenant what is another's | answers POST with 303 for the id of another tenant's row"),
    "a view past the session": ("walk", both(add(VIEWS, VIEW + '    return str(ctx.db.execute(sa.text("select text from acme_new_note")).all())\n'), swap(VIEWS, "from flask import Blueprint", "import sqlalchemy as sa\nfrom flask import Blueprint")), "shows one tenant what is another's"),
    "a view that remembers": ("walk", both(add(VIEWS, VIEW + "    seen.extend(n.text for n in ctx.db.scalars(notes._notes(ctx)))\n    return str(seen)\n"), after(VIEWS, 'template_folder="templates")\n', "seen: list[str] = []\n")), "shows one tenant what is another's"),
    "a view that looks nothing up": ("walk", add(VIEWS, VIEW.replace('"/more"', '"/notes/<acme_new_note:id>/more"').replace("more()", "more(id: str)") + '    return "here it is"\n'), "answers GET with 200 for the id of another tenant's row"),
    "a view that breaks": ("walk", add(VIEWS, VIEW + '    raise KeyError("no such thing")\n'), "breaks; what is logged above"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_finds_what_breaks_it_and_nothing_else_is_found(
    processes: ProcessPoolExecutor, made: Callable[[str], Path], case: str
) -> None:
    rule, broken, expected = CASES[case]
    folder = made("page")
    broken(folder)
    if rule != "texts":
        Texts.of_package(folder / HOME, "acme_new").compile()
    found = processes.submit(findings, str(folder), (rule,)).result(timeout=120)
    wanted = expected.split(" | ")
    assert all(any(w in line for w in wanted) for line in found) and all(any(w in line for line in found) for w in wanted), found
    assert all(line.count(": ") >= 1 and "; " in line for line in found), found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_package_as_it_is_made_has_nothing_to_mend(processes: ProcessPoolExecutor, made: Callable[[str], Path], kind: str) -> None:
    from core.trial.check import RULES

    assert processes.submit(findings, str(made(kind)), RULES).result(timeout=300) == []


@pytest.mark.parametrize(("broken", "code", "said"), [(False, 0, "nothing to mend"), (True, 1, "1 to mend")])
def test_the_command_says_what_is_to_be_mended_and_ends_with_one(made: Callable[[str], Path], broken: bool, code: int, said: str) -> None:
    folder = made("page")
    if broken:
        CASES["a pin on the house"][1](folder)
    done = subprocess.run(
        [sys.executable, "-m", "core.cli", "plugin", "check", str(folder), "--only", "sources"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"}, cwd=folder,
    )
    assert (done.returncode, done.stderr.strip()) == (code, f"acme_new: {said}"), done.stderr
    assert len(done.stdout.splitlines()) == broken


def test_what_is_not_installed_or_no_project_is_said(tmp_path: Path) -> None:
    from core.trial.package import NoPackage, read

    with pytest.raises(NoPackage) as caught:
        read(tmp_path)
    assert "is this the plugin's folder?" in str(caught.value.sentence)
    with pytest.raises(NoPackage) as caught:
        read(create("acme_gone", "page", tmp_path / "gone"))
    assert "telerad-acme-gone is not installed; pip install -e" in str(caught.value.sentence)
