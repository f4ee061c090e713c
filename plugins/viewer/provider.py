"""Provider of the ``viewer`` capability."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from plugin_sdk.types import Ctx


class OhifViewer:
    """Implements :class:`plugin_sdk.capabilities.Viewer`."""

    def url(self, access_id: str, *, study_uids: Sequence[str] = (), layout: str = "") -> str:
        """The viewer's page for an opening; it shows nothing to whoever may not read the opening."""
        query = [("StudyInstanceUIDs", uid) for uid in study_uids] + [("access", access_id)]
        if layout:
            query.append(("hangingprotocolId", layout))
        return f"/viewer/viewer?{urlencode(query)}"


def provider(ctx: Ctx) -> OhifViewer:
    return OhifViewer()
