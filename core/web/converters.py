"""URL variables say what they name: a converter per resource, so that tests can make one of each."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError

from plugin_sdk.ids import fold


class PublicIdConverter(BaseConverter):
    """A public id as typed; folded to its one spelling. Whether it exists is asked in scope, by the view."""

    regex = "[0-9A-Za-z]{26}"
    resource = ""

    def to_python(self, value: str) -> str:
        folded = fold(value)
        if folded is None:
            raise ValidationError
        return folded


class TenantConverter(BaseConverter):
    """A tenant's code, as written: another case is another name."""

    regex = "[A-Z][A-Z0-9]{1,15}"
    resource = "tenant"


class ListConverter(BaseConverter):
    """A list's name; whether there is one on this side is asked by the view."""

    regex = r"[a-z][a-z0-9_.]{0,39}"


class PluginConverter(BaseConverter):
    """A plugin's name; whether there is one here is asked by the view."""

    regex = r"[a-z][a-z0-9_]{2,29}"


class UidConverter(BaseConverter):
    """A DICOM UID (PS3.5 9.1)."""

    regex = r"[0-9.]{1,64}"


class StudyUid(UidConverter):
    resource = "study_uid"


class SeriesUid(UidConverter):
    resource = "series_uid"


class SopUid(UidConverter):
    resource = "sop_uid"


class FramesConverter(BaseConverter):
    """Frame numbers, 1-based, separated by commas (PS3.18 10.4.1.1.6)."""

    regex = r"[0-9]{1,6}(?:,[0-9]{1,6}){0,99}"
    resource = "frames"

    def to_python(self, value: str) -> list[int]:
        return [int(n) for n in value.split(",")]

    def to_url(self, value: object) -> str:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def install(app: Flask, resources: list[str]) -> None:
    """Register the fixed converters and one per declared resource."""
    converters = app.url_map.converters
    converters.update(tenant=TenantConverter, study_uid=StudyUid, series_uid=SeriesUid, sop_uid=SopUid,
                      frames=FramesConverter, list=ListConverter, plugin=PluginConverter)
    for name in resources:
        converters[name] = type(f"{name.title()}Converter", (PublicIdConverter,), {"resource": name})
