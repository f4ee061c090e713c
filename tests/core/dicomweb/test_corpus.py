"""Real files of many vendors through both doors: in by intake, out by DICOMweb, against what pydicom reads of them."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from tests.corpus.test_public_corpus import CASES, DECODED, PUBLIC, STORED

from .test_retrieve import AS_STORED, EXPLICIT, native, parts

pytestmark = [
    pytest.mark.corpus, pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.skipif(not STORED, reason="no corpus here"), pytest.mark.slow,
]


@pytest.fixture
def only(make_tenant, make_member, ingested, ask):
    """A file as the only one of a hospital. Gives its member and the path of its instance."""

    def let_in(path):
        hospital = make_tenant()
        ingested(hospital, path)
        member = make_member(hospital)
        [found] = ask(member, "/instances").json()
        study, series, sop = (found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        return member, f"/studies/{study}/series/{series}/instances/{sop}"

    return let_in


def header(path):
    return dcmread(path, force=True)


def low_bits(values, data):
    """Without what lies above Bits Stored: old overlays, which pydicom drops and a viewer masks."""
    if values.dtype.kind == "f":
        return values
    return values.astype(np.int64) & ((1 << data.BitsStored) - 1)


@pytest.mark.parametrize("name", STORED)
def test_each_public_file_comes_back_as_it_was_sent(only, ask, name):
    member, path = only(PUBLIC / name)
    sent = (PUBLIC / name).read_bytes()
    got = ask(member, path, Accept="application/dicom").content
    if sent[128:132] == b"DICM":
        assert got[128:] == sent[128:]
    else:
        assert got.endswith(sent)
    assert got[:132] == bytes(128) + b"DICM"
    assert str(header(PUBLIC / name).SOPInstanceUID) == path.rpartition("/")[2]
    [metadata] = ask(member, f"{path}/metadata").json()
    assert metadata["00080005"]["Value"] == ["ISO_IR 192"]


@pytest.mark.parametrize("name", DECODED)
def test_the_first_frame_of_each_public_file_is_exact(only, ask, name):
    member, path = only(PUBLIC / name)
    answer = ask(member, f"{path}/frames/1", Accept=AS_STORED)
    assert answer.status_code == 200
    [(head, body)] = parts(answer)
    data = header(PUBLIC / name)
    if not head.endswith(EXPLICIT.encode()):
        assert body == get_frame(data.PixelData, 0, number_of_frames=int(data.get("NumberOfFrames") or 1))
        return
    wanted = np.asarray(pixel_array(data, index=0, raw=True))
    if data.get("PhotometricInterpretation") == "YBR_FULL_422":
        assert len(body) == data.Rows * data.Columns * 2
        return
    assert np.array_equal(low_bits(native(body, data), data), low_bits(wanted, data))


@pytest.mark.parametrize("case", ["I03/us_ybr_422_8f.dcm", "I05/enhanced_perframe_voi.dcm", "I10/palette_2f.dcm",
                                  "I09/frames_empty.dcm", "I09/frames_text.dcm", "I09/frames_zero.dcm",
                                  "I09/frames_too_few.dcm", "I09/frames_too_many.dcm"])
def test_every_frame_that_exists_is_shown_and_no_other(only, ask, case):
    frames = {"us_ybr_422_8f": 8, "enhanced_perframe_voi": 4, "palette_2f": 2}.get(case[4:-4])
    member, path = only(CASES / case)
    shown = [ask(member, f"{path}/frames/{n}", Accept=AS_STORED).status_code for n in range(1, 10)]
    there = shown.count(200)
    assert shown == [200] * there + [404] * (9 - there)
    assert there == frames if frames else there >= 1
    assert ask(member, f"{path}/rendered", Accept="image/png").status_code == 200


NAMES = ["王小明", "王小明", None, "WANG^XIAO^MING", "王小明", "Wang^Xiao^Ming"]


@pytest.mark.parametrize(("number", "shown"), list(enumerate(NAMES, 1)))
def test_a_viewer_that_reads_alphabetic_only_shows_a_name(only, ask, number, shown):
    member, path = only(CASES / "C07" / f"pn_{number}.dcm")
    [metadata] = ask(member, f"{path}/metadata").json()
    groups = metadata["00100010"].get("Value", [{}])[0]
    assert bool(groups.get("Alphabetic", "").strip("^ ")) == (shown is not None)
