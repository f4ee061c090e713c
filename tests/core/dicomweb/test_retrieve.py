"""WADO-RS with a foreign client: bytes, frames and metadata against what pydicom reads from the same files."""

from __future__ import annotations

import io
import re
import time
import warnings

import numpy as np
import pydicom
import pytest
import requests
import sqlalchemy as sa
from PIL import Image

from core.studies.models import SeriesMeta
from core.tenancy.sessions import all_tenants

from .conftest import image, public

EXPLICIT = "1.2.840.10008.1.2.1"
FILES = [
    ("CT_small.dcm", EXPLICIT),
    ("MR_small_implicit.dcm", EXPLICIT),
    ("MR_small_bigendian.dcm", EXPLICIT),
    ("ExplVR_BigEnd.dcm", EXPLICIT),
    ("image_dfl.dcm", EXPLICIT),
    ("JPEG2000.dcm", "1.2.840.10008.1.2.4.91"),
    ("MR_small_jp2klossless.dcm", "1.2.840.10008.1.2.4.90"),
    ("MR_small_RLE.dcm", "1.2.840.10008.1.2.5"),
    ("SC_rgb_small_odd.dcm", EXPLICIT),
    ("SC_rgb_rle_16bit_2frame.dcm", "1.2.840.10008.1.2.5"),
    ("examples_ybr_color.dcm", "1.2.840.10008.1.2.4.50"),
    ("liver_1frame.dcm", EXPLICIT),
]
AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
DECODED = f'multipart/related; type="application/octet-stream"; transfer-syntax={EXPLICIT}'


@pytest.fixture(scope="module")
def doctor_of(make_tenant, make_member, ingested):
    """A member of a hospital that holds one shipped file: several of them are one image in other encodings."""
    made = {}

    def of(name):
        if name not in made:
            hospital = make_tenant()
            ingested(hospital, public(name))
            made[name] = make_member(hospital)
        return made[name]

    return of


def uids(name):
    data = pydicom.dcmread(public(name), force=True, stop_before_pixels=True)
    return str(data.StudyInstanceUID), str(data.SeriesInstanceUID), str(data.SOPInstanceUID)


def below(name, rest=""):
    study, series, sop = uids(name)
    return f"/studies/{study}/series/{series}/instances/{sop}{rest}"


def parts(response):
    """Header and body of each part, read by hand."""
    boundary = re.search(r"boundary=([0-9a-f]+)", response.headers["Content-Type"])[1].encode()
    pieces = response.content.split(b"--" + boundary)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n"
    return [piece[2:-2].partition(b"\r\n\r\n")[::2] for piece in pieces[1:-1]]


@pytest.mark.parametrize("name", [name for name, _ in FILES])
def test_an_instance_comes_back_byte_for_byte_but_for_its_preamble(doctor_of, ask, name):
    doctor = doctor_of(name)
    answer = ask(doctor, below(name), Accept='multipart/related; type="application/dicom"; transfer-syntax=*')
    assert answer.status_code == 200
    [(head, body)] = parts(answer)
    assert head.startswith(b"Content-Type: application/dicom; transfer-syntax=1.2.840.10008")
    sent = public(name).read_bytes()
    assert body[:128] == bytes(128)
    assert body[128:] == sent[128:]


def test_a_program_in_the_preamble_does_not_come_back(make_tenant, make_member, ask, ingested, tmp_path):
    doctor = make_member(make_tenant())
    body = bytearray(public("CT_small.dcm").read_bytes())
    body[:10] = b"MZ<script>"
    sop = uids("CT_small.dcm")[2].encode()
    other = sop[:-1] + b"7"
    path = tmp_path / "polyglot.dcm"
    path.write_bytes(bytes(body).replace(sop, other))
    ingested(doctor.tenant, path)
    study, series, _ = uids("CT_small.dcm")
    answer = ask(doctor, f"/studies/{study}/series/{series}/instances/{other.decode()}", Accept="application/dicom")
    assert answer.content == bytes(128) + path.read_bytes()[128:]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("name", "syntax"), FILES)
def test_a_frame_is_what_the_viewer_can_decode(doctor_of, ask, name, syntax):
    doctor = doctor_of(name)
    answer = ask(doctor, below(name, "/frames/1"), Accept=AS_STORED)
    [(head, body)] = parts(answer)
    assert head == f"Content-Type: application/octet-stream; transfer-syntax={syntax}".encode()
    data = pydicom.dcmread(public(name))
    if syntax != EXPLICIT:
        assert body == next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=data.get("NumberOfFrames", 1)))
        return
    with warnings.catch_warnings(action="ignore"):
        wanted = np.asarray(data.pixel_array)
    assert native(body, data).tolist() == wanted.tolist()


def native(body, data):
    """Little-endian pixels as the header describes them (PS3.5 8.1)."""
    if data.BitsAllocated == 1:
        return np.unpackbits(np.frombuffer(body, np.uint8), bitorder="little")[: data.Rows * data.Columns].reshape(
            data.Rows, data.Columns
        )
    kind = "f" if "FloatPixelData" in data or "DoubleFloatPixelData" in data else "iu"[data.PixelRepresentation == 0]
    values = np.frombuffer(body, f"<{kind}{data.BitsAllocated // 8}")
    if data.SamplesPerPixel == 1:
        return values.reshape(data.Rows, data.Columns)
    if data.PlanarConfiguration == 1:
        return np.moveaxis(values.reshape(3, data.Rows, data.Columns), 0, 2)
    return values.reshape(data.Rows, data.Columns, 3)


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_rle_16bit_2frame.dcm"])
def test_a_compressed_frame_is_decoded_for_who_asks_for_native(doctor_of, ask, name):
    doctor = doctor_of(name)
    answer = ask(doctor, below(name, "/frames/1"), Accept=DECODED)
    [(head, body)] = parts(answer)
    assert head == f"Content-Type: application/octet-stream; transfer-syntax={EXPLICIT}".encode()
    data = pydicom.dcmread(public(name))
    wanted = data.pixel_array if data.get("NumberOfFrames", 1) == 1 else data.pixel_array[0]
    assert native(body, data).tolist() == wanted.tolist()


def test_frames_come_in_the_order_asked_for(doctor_of, web):
    doctor = doctor_of("examples_ybr_color.dcm")
    name = "examples_ybr_color.dcm"
    data = pydicom.dcmread(public(name))
    all_frames = list(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=30))
    got = web(doctor).retrieve_instance_frames(*uids(name), [30, 2, 2, 1])
    assert got == [all_frames[29], all_frames[1], all_frames[1], all_frames[0]]


def test_one_frame_may_come_alone(doctor_of, ask):
    doctor = doctor_of("CT_small.dcm")
    answer = ask(doctor, below("CT_small.dcm", "/frames/1"), Accept="application/octet-stream; transfer-syntax=*")
    assert answer.headers["Content-Type"] == f"application/octet-stream; transfer-syntax={EXPLICIT}"
    assert answer.content == pydicom.dcmread(public("CT_small.dcm")).PixelData


def test_a_compressed_frame_may_come_as_its_own_media_type(doctor_of, ask):
    doctor = doctor_of("JPEG2000.dcm")
    answer = ask(doctor, below("JPEG2000.dcm", "/frames/1"), Accept="image/jp2")
    assert answer.headers["Content-Type"] == "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"
    assert answer.content[:4] == b"\xff\x4f\xff\x51"


@pytest.mark.parametrize("number", [0, 2, 999])
def test_a_frame_that_is_not_there_is_404(doctor_of, ask, number):
    doctor = doctor_of("CT_small.dcm")
    assert ask(doctor, below("CT_small.dcm", f"/frames/{number}"), Accept=AS_STORED).status_code == 404


def test_one_bit_frames_that_begin_inside_a_byte_are_moved(ask, ingested, make_tenant, make_member):
    bits = np.zeros((3, 3, 5), np.uint8)
    bits[0, 0, 0] = bits[1, 0, 1] = bits[2, 2, 4] = bits[1, 2, 4] = 1
    data = image("liver_1frame.dcm", Rows=3, Columns=5, NumberOfFrames=3)
    data.PixelData = np.packbits(bits.ravel(), bitorder="little").tobytes()
    hospital = make_tenant()
    ingested(hospital, data)
    member = make_member(hospital)
    answer = ask(member, below("liver_1frame.dcm", "/frames/1,2,3"), Accept=AS_STORED)
    got = [np.unpackbits(np.frombuffer(body, np.uint8), bitorder="little")[:15].tolist() for _, body in parts(answer)]
    assert got == [frame.ravel().tolist() for frame in bits]


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm", "image_dfl.dcm", "MR_small_RLE.dcm",
             "MR_small_jp2klossless.dcm"]
)
def test_an_object_is_transcoded_to_explicit_little_endian_on_request(doctor_of, web, name):
    doctor = doctor_of(name)
    got = web(doctor).retrieve_instance(*uids(name), media_types=(("application/dicom", EXPLICIT),))
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    assert got.SOPInstanceUID == uids(name)[2]
    with warnings.catch_warnings(action="ignore"):
        assert np.array_equal(got.pixel_array, pydicom.dcmread(public(name)).pixel_array)


def test_another_transfer_syntax_is_refused(doctor_of, ask):
    doctor = doctor_of("CT_small.dcm")
    jpeg = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50'
    answer = ask(doctor, below("CT_small.dcm"), Accept=jpeg)
    assert answer.status_code == 406
    assert answer.json()["type"] == "urn:telerad:problem:not-acceptable"


def test_an_object_without_pixels_has_no_frames_and_no_picture(doctor_of, ask):
    doctor = doctor_of("test-SR.dcm")
    assert ask(doctor, below("test-SR.dcm", "/frames/1"), Accept=AS_STORED).status_code == 404
    assert ask(doctor, below("test-SR.dcm", "/rendered"), Accept="image/png").status_code == 404


def test_a_study_and_a_series_come_as_their_instances(make_tenant, make_member, ingested, web):
    hospital = make_tenant()
    a, b = image(SOPInstanceUID="1.2.3.1", InstanceNumber=2), image(SOPInstanceUID="1.2.3.2", InstanceNumber=1)
    c = image(SOPInstanceUID="1.2.3.3", SeriesInstanceUID="1.2.3.9", SeriesNumber=900)
    ingested(hospital, a, b, c)
    client = web(make_member(hospital))
    study, series = str(a.StudyInstanceUID), str(a.SeriesInstanceUID)
    assert [d.SOPInstanceUID for d in client.retrieve_series(study, series)] == ["1.2.3.2", "1.2.3.1"]
    assert [d.SOPInstanceUID for d in client.iter_study(study)] == ["1.2.3.2", "1.2.3.1", "1.2.3.3"]


def test_metadata_is_the_header_without_bulk(doctor_of, web):
    doctor = doctor_of("CT_small.dcm")
    [got] = web(doctor).retrieve_series_metadata(*uids("CT_small.dcm")[:2])[:1]
    assert got["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert got["00280010"] == {"vr": "US", "Value": [128]}
    assert got["00280030"] == {"vr": "DS", "Value": [0.661468, 0.661468]}
    assert got["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert "7FE00010" not in got


def test_metadata_of_study_series_and_instance_agree(doctor_of, web):
    doctor = doctor_of("MR_small_RLE.dcm")
    client, (study, series, sop) = web(doctor), uids("MR_small_RLE.dcm")
    one = client.retrieve_instance_metadata(study, series, sop)
    assert one in client.retrieve_series_metadata(study, series)
    assert one in client.retrieve_study_metadata(study)


def test_metadata_is_packed_for_who_can_unpack_it(doctor_of, ask):
    doctor = doctor_of("CT_small.dcm")
    study, series, _ = uids("CT_small.dcm")
    path = f"/studies/{study}/series/{series}/metadata"
    packed = ask(doctor, path, Accept_Encoding="gzip")
    plain = ask(doctor, path, Accept_Encoding="identity")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["Content-Type"] == "application/dicom+json"


def test_metadata_shows_a_later_image(make_tenant, make_member, ingested, web):
    hospital = make_tenant()
    ingested(hospital, first := image(SOPInstanceUID="1.2.4.1"))
    client = web(make_member(hospital))
    path = str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
    assert len(client.retrieve_series_metadata(*path)) == 1
    ingested(hospital, image(SOPInstanceUID="1.2.4.2"))
    assert sorted(m["00080018"]["Value"][0] for m in client.retrieve_series_metadata(*path)) == ["1.2.4.1", "1.2.4.2"]


@pytest.mark.sqlite
def test_metadata_is_made_once_and_a_reader_never_waits_for_a_writer(app, make_tenant, make_member, ingested, web):
    hospital = make_tenant()
    ingested(hospital, data := image(SOPInstanceUID="1.2.5.1"))
    client, path = web(make_member(hospital)), (str(data.StudyInstanceUID), str(data.SeriesInstanceUID))
    with all_tenants(write=True) as writer:
        writer.execute(sa.select(SeriesMeta.series_id).limit(1))
        begun = time.monotonic()
        first = client.retrieve_series_metadata(*path)
        assert time.monotonic() - begun < 3
    stored = sa.select(SeriesMeta.version).where(SeriesMeta.tenant_id == hospital.id)
    with all_tenants() as reader:
        assert reader.scalars(stored).all() == []
    assert client.retrieve_series_metadata(*path) == first
    with all_tenants() as reader:
        assert reader.scalars(stored).all() == [1]
    assert client.retrieve_series_metadata(*path) == first


def test_a_stream_that_no_decoder_takes_is_406_and_still_comes_as_stored(make_tenant, make_member, ingested, ask):
    data = image("MR_small_jp2klossless.dcm")
    broken = bytearray(data.PixelData)
    broken[60:900] = bytes(840)
    data.PixelData = bytes(broken)
    hospital = make_tenant()
    ingested(hospital, data)
    member, path = make_member(hospital), below("MR_small_jp2klossless.dcm")
    assert ask(member, f"{path}/frames/1", Accept=DECODED).status_code == 406
    assert ask(member, f"{path}/rendered", Accept="image/png").status_code == 406
    explicit = f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'
    assert ask(member, path, Accept=explicit).status_code == 406
    assert ask(member, f"{path}/frames/1", Accept=AS_STORED).status_code == 200
    assert ask(member, below("MR_small_jp2klossless.dcm"), Accept="application/dicom").status_code == 200


def test_bytes_that_are_gone_are_404(app, make_tenant, make_member, ingested, ask):
    hospital = make_tenant()
    ingested(hospital, image())
    member, path = make_member(hospital), below("MR_small.dcm")
    [file] = [p for p in app.house.blobs.path(f"t/{hospital.code}/o").rglob("*") if p.is_file()]
    file.rename(file.with_suffix(".away"))
    for rest, accept in (("", "application/dicom"), ("/frames/1", AS_STORED), ("/rendered", "image/png")):
        assert ask(member, path + rest, Accept=accept).status_code == 404


def test_a_name_in_ideographs_only_is_shown(make_tenant, make_member, ingested, web):
    hospital = make_tenant()
    ingested(hospital, data := image(SpecificCharacterSet="ISO_IR 192", PatientName="=王^小明", PatientID="P1"))
    client = web(make_member(hospital))
    [got] = client.retrieve_study_metadata(str(data.StudyInstanceUID))
    assert got["00100010"]["Value"] == [{"Alphabetic": "王^小明", "Ideographic": "王^小明"}]
    [found] = client.search_for_studies()
    assert found["00100010"]["Value"] == [{"Alphabetic": "王小明", "Ideographic": "王小明"}]


def test_an_overlay_is_had_by_its_address(make_tenant, make_member, ingested, ask):
    hospital = make_tenant()
    ingested(hospital, data := image("examples_overlay.dcm"))
    member = make_member(hospital)
    study = f"/studies/{data.StudyInstanceUID}"
    [got] = ask(member, f"{study}/metadata").json()
    address = got["60003000"]["BulkDataURI"]
    answer = ask(member, f"{study}/{address}", Accept="application/octet-stream")
    assert answer.content == data[0x6000, 0x3000].value
    assert ask(member, f"{study}/{address.replace('60003000', '00100010')}").status_code == 404


def test_a_picture_is_drawn(doctor_of, ask):
    doctor = doctor_of("CT_small.dcm")
    answer = ask(doctor, below("CT_small.dcm", "/rendered?window=40,400"), Accept="image/png")
    picture = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["Content-Type"], picture.size, picture.mode) == ("image/png", (128, 128), "L")
    data = pydicom.dcmread(public("CT_small.dcm"))
    units = data.pixel_array.astype(float) * float(data.RescaleSlope) + float(data.RescaleIntercept)
    shown = np.asarray(picture)
    assert (shown[units >= 241] == 255).all() and (shown[units <= -161] == 0).all()


def test_a_colour_frame_and_a_thumbnail_are_drawn(doctor_of, ask):
    doctor = doctor_of("examples_ybr_color.dcm")
    name = "examples_ybr_color.dcm"
    frame = Image.open(io.BytesIO(ask(doctor, below(name, "/frames/30/rendered"), Accept="image/jpeg").content))
    assert (frame.format, frame.size, frame.mode) == ("JPEG", (320, 240), "RGB")
    study, series, _ = uids(name)
    for path in (f"/studies/{study}/thumbnail", f"/studies/{study}/series/{series}/thumbnail", below(name, "/thumbnail")):
        small = Image.open(io.BytesIO(ask(doctor, path, Accept="image/*").content))
        assert small.size == (160, 120)


@pytest.mark.parametrize("query", ["?window=1", "?viewport=0,0", "?quality=101", "?windw=1,2"])
def test_a_bad_rendering_parameter_is_400(doctor_of, ask, query):
    doctor = doctor_of("CT_small.dcm")
    assert ask(doctor, below("CT_small.dcm", f"/rendered{query}"), Accept="image/png").status_code == 400


def test_what_is_known_already_is_not_sent_again(doctor_of, ask):
    doctor = doctor_of("CT_small.dcm")
    path = below("CT_small.dcm", "/frames/1")
    first = ask(doctor, path, Accept=AS_STORED)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = ask(doctor, path, Accept=AS_STORED, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/studies", "/studies/1.2.3", "/studies/1.2.3/series/1.2/instances/1.2"])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_is_written_here(doctor_of, server, path, method):
    doctor = doctor_of("CT_small.dcm")
    url, headers = f"{server}/t/{doctor.tenant.code}/dicom-web{path}", {"Authorization": f"Bearer {doctor.token}"}
    answer = requests.request(method, url, headers=headers, timeout=10)
    assert answer.status_code == 405
