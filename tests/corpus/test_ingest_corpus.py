"""Real files of many vendors through the whole intake, by `telerad ingest`: each has the outcome written here.

What is refused or held for itself alone is in `NOT_STORED`; here is what is so because of another file of the corpus.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from core.intake.command import ingest_paths
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from core.tenancy.sessions import all_tenants
from tests.conftest import World
from tests.corpus.test_public_corpus import NOT_STORED, PUBLIC, ROWS

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not ROWS, reason="no corpus here"), pytest.mark.slow]
HELD = {"truncated", "unreadable"}

# The same image as an earlier file in another encoding: no attribute and no decoded pixel differs. All others under a known
# image number differ in something, and an image may never be dropped for another one.
SAME = {
    "cornerstone3D__CTImage.dcm_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm",
    "cornerstone3D__CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "cornerstone3D__CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
    "cornerstone3D__CTImage.dcm_LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
    "cornerstone3D__CTImage.dcm_RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm",
    "dicom-test-files__CT_small.dcm",                     # of dicognito__CT_small_deflated.dcm
    "dicom-test-files__ExplVR_LitEndNoMeta.dcm",          # of its big endian twin
    "dicom-test-files__MR_small_RLE.dcm",
    "dicom-test-files__MR_small_bigendian.dcm",
    "dicom-test-files__MR_small_implicit.dcm",
    "dicom-test-files__MR_small_jp2klossless.dcm",
    "dicom-test-files__MR_small_jpeg_ls_lossless.dcm",
    "dicom-test-files__MR_small_padded.dcm",
    "dicom-test-files__SC_ybr_full_uncompressed.dcm",     # of its 4:2:2 twin
    "dicom-test-files__color-px.dcm",                     # of color-pl, by plane
    "dicom-test-files__emri_small_RLE.dcm",
    "dicom-test-files__emri_small_big_endian.dcm",
    "dicom-test-files__emri_small_jpeg_2k_lossless.dcm",
    "dicomParser__CT0012.fragmented_no_bot_jpeg_ls.80.dcm",
    "dicomParser__CT0012.not_fragmented_no_bot_rle.dcm",
}


@pytest.fixture
def ingested(world: World) -> tuple[World, dict[str, dict[str, Any]], dict[str, int]]:
    """All files, in one upload, into a hospital of its own."""
    with world.app.app_context():
        *found, last = ingest_paths(world.app.house, world.hospital.code, [PUBLIC / name for name in sorted(ROWS)])
    return world, {line["name"]: line for line in found}, last["counts"]


def test_every_file_of_the_corpus_has_one_outcome_and_its_bytes_are_where_the_rows_say(ingested: Any) -> None:
    world, found, counts = ingested
    assert found.keys() == ROWS.keys()
    assert counts == {"files": len(ROWS), **Counter(line["outcome"] for line in found.values())}
    assert counts["files"] == sum(counts[k] for k in ("stored", "duplicate", "held", "refused"))
    for name, line in found.items():
        assert line["text"], name
        reason = NOT_STORED.get(name)
        if reason is not None:
            assert (line["outcome"], line["reason"]) == ("held" if reason in HELD else "refused", reason), name
        else:
            assert (line["outcome"], line["reason"]) in {
                ("stored", ""), ("stored", "second_patient"), ("duplicate", "same_content"), ("held", "sop_conflict"),
            }, name
            assert line["study_id"], name
    assert {name for name, line in found.items() if line["outcome"] == "duplicate"} == SAME & ROWS.keys()
    shown = rows_add_up(world)
    assert shown == counts["stored"]


def rows_add_up(world: World) -> int:
    """Check each blob's bytes and each study's counts. :return: images that are shown"""
    with world.app.app_context(), all_tenants() as db:
        tenant = world.hospital.id
        for blob in db.scalars(sa.select(Blob).where(Blob.tenant_id == tenant)):
            key = storage_key(world.hospital.code, blob.sha256, blob.gen)
            assert hashlib.sha256(world.app.house.blobs.read(key)).hexdigest() == blob.sha256
        counted = {
            study: n
            for study, n in db.execute(
                sa.select(Series.study_id, sa.func.count(Instance.id))
                .join(Instance, Instance.series_id == Series.id)
                .where(Instance.rank == 0, Instance.tenant_id == tenant)
                .group_by(Series.study_id)
            )
        }
        studies = db.scalars(sa.select(Study).where(Study.tenant_id == tenant)).all()
        assert {s.id: s.n_instances for s in studies} == counted
        assert all(s.complete_at is not None for s in studies)
    return sum(counted.values())
