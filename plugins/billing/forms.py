"""The form of a tariff: rows as they were typed, what is wrong with them at their place, and the lines they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from werkzeug.datastructures import MultiDict

from plugin_sdk.errors import Invalid
from plugin_sdk.i18n import now as _
from plugin_sdk.money import MOST_FEN, read_hundredths, yuan
from plugin_sdk.types import Ctx, UserView
from plugins.billing import queries
from plugins.billing.actions import Line
from plugins.billing.models import ANY_READER, Tariff

MODALITIES = ("CT", "MR", "DR", "US", "MG", "XA", "NM", "PT")
LEAST_URGENT, MOST_URGENT, WHOLE = 100, 1000, 100
MOST_LINES = 300


@dataclass(frozen=True)
class Row:
    """One line as it stands in the form. ``reader`` is a public id, empty for any; ``fee`` in yuan as typed."""

    reader: str = ""
    modality: str = ""
    fee: str = ""

    @property
    def is_base(self) -> bool:
        return not self.reader and not self.modality


@dataclass(frozen=True)
class Form:
    """``errors`` by field; those of row n are ``line-n`` and ``fee-n``. ``base``: the version that is being changed."""

    rows: Sequence[Row]
    urgent: str
    diagnosis: str
    base: int
    errors: Mapping[str, object] = field(default_factory=dict)

    def added(self) -> Form:
        return replace(self, rows=[*self.rows, Row()][:MOST_LINES])

    def without(self, n: int) -> Form:
        """The first row is the one for everybody and stays."""
        return replace(self, rows=[row for i, row in enumerate(self.rows) if i != n or i == 0])


def readers(ctx: Ctx) -> Sequence[UserView]:
    """Who may write reports here."""
    return ctx.users.holding("group.report.diagnose")


def stored(ctx: Ctx, tariff: Tariff | None) -> Form:
    """The tariff in force, or an empty one. A reader who has left is kept as a line that names nobody else."""
    if tariff is None:
        return Form(rows=[Row()], urgent="1.00", diagnosis=str(WHOLE), base=0)
    lines = queries.lines_of(ctx, tariff)
    people = ctx.users.views([line.reader for line in lines if line.reader != ANY_READER])
    rows = [
        Row(people[line.reader].public_id if line.reader in people else "", line.modality, yuan(line.fen).replace(",", ""))
        for line in lines
        if line.reader == ANY_READER or line.reader in people
    ]
    return Form(
        rows=sorted(rows, key=lambda row: not row.is_base), urgent=yuan(tariff.urgent_percent),
        diagnosis=str(tariff.diagnosis_percent), base=tariff.version,
    )


def sent(form: MultiDict[str, str]) -> Form:
    """What a browser sent, unjudged. :raise Invalid: fields that no form of ours sends"""
    given = [form.getlist(name) for name in ("reader", "modality", "fee")]
    base = form.get("base", "")
    if len({len(column) for column in given}) != 1 or not 1 <= len(given[0]) <= MOST_LINES or not base.isdecimal():
        raise Invalid
    rows = [Row(reader, modality, fee.strip()[:20]) for reader, modality, fee in zip(*given, strict=True)]
    return Form(
        rows=rows, urgent=form.get("urgent", "").strip()[:20], diagnosis=form.get("diagnosis", "").strip()[:20],
        base=int(base[:9]),
    )


@dataclass(frozen=True)
class Read:
    lines: Sequence[Line]
    urgent_percent: int
    diagnosis_percent: int


def read(ctx: Ctx, form: Form) -> Read:
    """The lines a form means. :raise Invalid: with one error per field"""
    errors: dict[str, object] = {}
    people = {view.public_id: view for view in readers(ctx)}
    lines, seen = [], dict[tuple[str, str], int]()
    for n, row in enumerate(form.rows):
        if (first := seen.setdefault((row.reader, row.modality), n)) != n:
            errors[f"line-{n}"] = _("与第 %(n)s 行相同", n=first + 1)
        if row.reader and row.reader not in people:
            errors[f"line-{n}"] = _("没有此诊断医生")
        if row.modality and row.modality not in MODALITIES:
            errors[f"line-{n}"] = _("没有此检查类型")
        fen = _amount(row.fee)
        if fen is None:
            errors[f"fee-{n}"] = _("请填写金额，最多两位小数，如 120.00")
        view = people.get(row.reader)
        lines.append(
            Line(reader=view.id if view else ANY_READER, reader_name=view.name if view else "", modality=row.modality, fen=fen or 0)
        )
    if not form.rows[0].is_base:
        errors["line-0"] = _("第 1 行须为全部医生、全部类型")
    urgent, diagnosis = _amount(form.urgent), form.diagnosis
    if urgent is None or not LEAST_URGENT <= urgent <= MOST_URGENT:
        errors["urgent"] = _("系数 1 至 10，最多两位小数，如 1.50")
    if not (diagnosis.isascii() and diagnosis.isdecimal()) or int(diagnosis[:9]) > WHOLE:
        errors["diagnosis"] = _("整数 0 至 100")
    if errors:
        raise Invalid(errors=[{"field": name, "message": str(text)} for name, text in errors.items()])
    return Read(lines, urgent or 0, int(diagnosis))


def _amount(text: str) -> int | None:
    try:
        value = read_hundredths(text)
    except ValueError:
        return None
    return value if value <= MOST_FEN else None
