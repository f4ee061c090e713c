"""Files to send, made from those that pydicom ships."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from pydicom import dcmread
from pydicom.data import get_testdata_file

STUDY, SERIES = "1.2.826.0.1.3680043.9.7.1", "1.2.826.0.1.3680043.9.7.1.1"


def sample(name: str = "CT_small.dcm") -> bytes:
    with open(str(get_testdata_file(name, download=False)), "rb") as file:
        return file.read()


def changed(data: bytes, **values: Any) -> bytes:
    """The file with other attributes, its meta information in step."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def images(n: int, *, studies: int = 1) -> list[bytes]:
    """``n`` different images, in turn of ``studies`` studies."""
    return [
        changed(
            sample("MR_small.dcm"), StudyInstanceUID=f"{STUDY}.{i % studies}", SeriesInstanceUID=f"{SERIES}.{i % studies}",
            SOPInstanceUID=f"{SERIES}.{i % studies}.{i}", InstanceNumber=i,
        )
        for i in range(n)
    ]


def packed(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()
