"""QIDO-RS: which studies each query finds, written out by hand."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core import limits
from core.studies.models import Series
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db as database

from .conftest import image

# letter, name, patient id, date, time, accession, description, modality
STUDIES = [
    ("a", "Wang^Li", "P1", "20240301", "080000", "A1", "CHEST CT", "CT"),
    ("b", "Wang^Lin", "P2", "20240301", "120000.5", "A2", "chest", "CT"),
    ("c", "100%^Pure", "p1", "20240302", "235959", "A_3", "HEAD", "MR"),
    ("d", "Under_score", "P*", "20240229", "", "AX3", "NECK", "MR"),
    ("e", "UnderXscore", "P5", "", "", "", "", "DX"),
    ("f", "Zhang^San=张^三", "P6", "20231231", "235900", "[6]", "头颅平扫", "CT"),
    ("g", "O'Brien^Zoe", "P7", "20240303", "0930", "A7", "CHEST PA", "DX"),
]
UID = {letter: f"1.2.826.0.1.55.{number}" for number, (letter, *_) in enumerate(STUDIES, 1)}

FOUND = [
    ("", "gcbadfe"),
    ("StudyInstanceUID=" + UID["a"], "a"),
    (f"StudyInstanceUID={UID['a']},{UID['c']}", "ca"),
    (f"0020000D={UID['a']}\\{UID['c']}", "ca"),
    ("0020000d=1.2.3", ""),
    ("PatientName=Wang^Li", "a"),
    ("PatientName=wang li", "a"),
    ("PatientName=WANG^LI^^", "a"),
    ("PatientName=Wang^Li?", "b"),
    ("PatientName=Wang*", "ba"),
    ("PatientName=*LIN*", "b"),
    ("PatientName=100%*", "c"),
    ("PatientName=%", ""),
    ("PatientName=Under_score*", "d"),
    ("PatientName=O'Brien*", "g"),
    ("PatientName=*;DROP", ""),
    ("PatientName=**********", "gcbadfe"),
    ("PatientName=", "gcbadfe"),
    ("PatientName=张三", "f"),
    ("PatientName=张*", "f"),
    ("PatientName=zhang*", "f"),
    ("PatientName=ZhangSan", "f"),
    ("PatientName=zhang", ""),
    ("00100010=wangl*", "ba"),
    ("PatientID=P1", "a"),
    ("00100020=p1", "c"),
    ("00100020=*1", "ca"),
    ("PatientID=p*", "c"),
    ("PatientID=*", "gcbadfe"),
    ("AccessionNumber=A?3", "cd"),
    ("AccessionNumber=A_3", "c"),
    ("AccessionNumber=[6]", "f"),
    ("AccessionNumber=[6*", "f"),
    ("StudyDescription=*CHEST*", "ga"),
    ("StudyDescription=头颅*", "f"),
    ("StudyDate=20240301", "ba"),
    ("StudyDate=20240301-20240301", "ba"),
    ("StudyDate=-20240229", "df"),
    ("StudyDate=20240302-", "gc"),
    ("StudyDate=20231231-20240229", "df"),
    ("StudyTime=08", "a"),
    ("StudyTime=0930", "g"),
    ("StudyTime=080000-120000", "gba"),
    ("StudyTime=2359-", "cf"),
    ("StudyTime=-0800", "a"),
    ("ModalitiesInStudy=CT", "baf"),
    ("ModalitiesInStudy=CT,MR", "cbadf"),
    ("ModalitiesInStudy=CT\\DX", "gbafe"),
    ("00080061=D?", "ge"),
    ("ModalitiesInStudy=CT&StudyDate=20240301-&PatientName=*lin", "b"),
    ("limit=2", "gc"),
    ("limit=2&offset=2", "ba"),
    ("limit=0", ""),
    ("offset=7", ""),
    ("includefield=00081030,00080060,StudyDescription,99999999,nonsense&includefield=all&limit=1", "g"),
    ("fuzzymatching=false&limit=101", "gcbadfe"),
    # what the viewer sends
    ("limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030&00100020=P1", "a"),
    ("limit=101&offset=0&PatientName=*WANG*&00100020=*P*&AccessionNumber=*A*&StudyDescription=*CHEST*"
     + "&ModalitiesInStudy=CT%2CMR&StudyDate=20240101-20261231", "a"),
]
REFUSED = [
    "Nonsense=1", "limit=-1", "limit=x", "offset=abc", "limit=1&limit=2", "fuzzymatching=1", "StudyDate=2024",
    "StudyDate=20240230", "StudyDate=2024-03-01", "StudyDate=20240302-20240301", "StudyDate=-", "StudyDate=2024*",
    "StudyTime=25", "StudyTime=0860", "StudyInstanceUID=1.2.*", "StudyInstanceUID=abc", "PatientID=1&PatientID=2",
    "00100020.00100010=x", "StationName=X", "SeriesInstanceUID=1.2", "Modality=CT", "PatientName=*a*b*c*d*e*",
    "PatientID=" + "1" * 201,
]


@pytest.fixture(scope="module")
def doctor(make_tenant, make_member, ingested):
    hospital = make_tenant()
    for letter, name, pid, day, at, accession, description, modality in STUDIES:
        ingested(hospital, image(
            SpecificCharacterSet="ISO_IR 192", PatientName=name, PatientID=pid, StudyDate=day, StudyTime=at,
            AccessionNumber=accession, StudyDescription=description, Modality=modality, StudyInstanceUID=UID[letter],
            SeriesInstanceUID=UID[letter] + ".1", SOPInstanceUID=UID[letter] + ".1.1",
        ))
    return make_member(hospital, "doctor")


def letters(answer):
    assert answer.status_code == 200, answer.text
    names = {uid: letter for letter, uid in UID.items()}
    return "".join(names[study["0020000D"]["Value"][0]] for study in answer.json())


@pytest.mark.parametrize(("query", "wanted"), FOUND)
def test_a_query_finds_these_studies_newest_first(doctor, ask, query, wanted):
    assert letters(ask(doctor, f"/studies?{query}")) == wanted


@pytest.mark.parametrize("query", REFUSED)
def test_a_bad_query_is_400_and_says_which_parameter(doctor, ask, query):
    answer = ask(doctor, f"/studies?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert query.startswith(answer.json()["errors"][0]["field"])


def test_a_study_is_answered_in_utf_8_with_what_the_viewer_shows(doctor, ask):
    [got] = ask(doctor, "/studies?PatientName=张三&includefield=StudyDescription").json()
    root = f"/t/{doctor.tenant.code}/dicom-web"
    assert got.pop("00081190")["Value"][0].endswith(f"{root}/studies/{UID['f']}")
    assert got == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080020": {"vr": "DA", "Value": ["20231231"]},
        "00080030": {"vr": "TM", "Value": ["235900"]},
        "00080050": {"vr": "SH", "Value": ["[6]"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["CT"]},
        "00080090": {"vr": "PN"},
        "00081030": {"vr": "LO", "Value": ["头颅平扫"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "张三", "Ideographic": "张三"}]},
        "00100020": {"vr": "LO", "Value": ["P6"]},
        "00100030": {"vr": "DA"},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "0020000D": {"vr": "UI", "Value": [UID["f"]]},
        "00201206": {"vr": "IS", "Value": [1]},
        "00201208": {"vr": "IS", "Value": [1]},
    }


def test_the_answer_says_when_the_servers_own_limit_cut_it(doctor, ask):
    with limits.changed(page_rows=3):
        cut = ask(doctor, "/studies?limit=6")
    assert letters(cut) == "gcb"
    assert cut.headers["Warning"].startswith("299 ") and "exceeded the maximum" in cut.headers["Warning"]
    with limits.changed(page_rows=3):
        assert "Warning" not in ask(doctor, "/studies?limit=3").headers


def test_fuzzy_matching_is_answered_literally_and_says_so(doctor, ask):
    answer = ask(doctor, "/studies?fuzzymatching=true&PatientName=Wang^Li")
    assert letters(answer) == "a"
    assert "fuzzymatching parameter is not supported" in answer.headers["Warning"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/dicom+json", 200), ("application/json", 200), ("*/*", 200), ("text/html, */*;q=0.1", 200),
     ('multipart/related; type="application/dicom+xml"', 406), ("text/html", 406), ("application/dicom+json;q=0", 406)],
)
def test_json_is_the_only_answer(doctor, ask, accept, status):
    assert ask(doctor, "/studies?limit=1", Accept=accept).status_code == status


@pytest.fixture(scope="module")
def two_series(make_tenant, make_member, ingested):
    """A study of a CT series with three images and a hidden-able SR-like series with one, and another study."""
    hospital = make_tenant()
    for number in (3, 1, 2):
        ingested(hospital, image(
            StudyInstanceUID="1.2.9.1", SeriesInstanceUID="1.2.9.1.1", SOPInstanceUID=f"1.2.9.1.1.{number}",
            Modality="CT", SeriesNumber=1, SeriesDescription="AXIAL", InstanceNumber=number, StudyDate="20240505",
            SeriesDate="20240505", SeriesTime="101112", PatientID="X",
        ))
    ingested(hospital, image(
        StudyInstanceUID="1.2.9.1", SeriesInstanceUID="1.2.9.1.2", SOPInstanceUID="1.2.9.1.2.1", Modality="OT",
        SeriesNumber=2, SeriesDescription="DOSE", InstanceNumber=1, StudyDate="20240505", PatientID="X",
    ))
    ingested(hospital, image(
        "CT_small.dcm", StudyInstanceUID="1.2.9.2", SeriesInstanceUID="1.2.9.2.1", SOPInstanceUID="1.2.9.2.1.1",
        StudyDate="20200101", PatientID="Y",
    ))
    return make_member(hospital)


SERIES_FOUND = [
    ("/studies/1.2.9.1/series", ["1.2.9.1.1", "1.2.9.1.2"]),
    ("/studies/1.2.9.1/series?includefield=00080021,00080031,0008103E,00200011", ["1.2.9.1.1", "1.2.9.1.2"]),
    ("/studies/1.2.9.1/series?Modality=CT", ["1.2.9.1.1"]),
    ("/studies/1.2.9.1/series?Modality=MR", []),
    ("/studies/1.2.9.1/series?SeriesNumber=2", ["1.2.9.1.2"]),
    ("/series", ["1.2.9.1.1", "1.2.9.1.2", "1.2.9.2.1"]),
    ("/series?PatientID=Y", ["1.2.9.2.1"]),
    ("/series?SeriesDescription=*X*&StudyInstanceUID=1.2.9.1", ["1.2.9.1.1"]),
    ("/series?SeriesInstanceUID=1.2.9.1.2,1.2.9.2.1", ["1.2.9.1.2", "1.2.9.2.1"]),
    ("/series?ModalitiesInStudy=OT", ["1.2.9.1.1", "1.2.9.1.2"]),
    ("/series?SeriesDate=20240505-20240505", ["1.2.9.1.1"]),
    ("/series?limit=1&offset=1", ["1.2.9.1.2"]),
]
INSTANCES_FOUND = [
    ("/studies/1.2.9.1/series/1.2.9.1.1/instances", ["1.2.9.1.1.1", "1.2.9.1.1.2", "1.2.9.1.1.3"]),
    ("/studies/1.2.9.1/instances?InstanceNumber=1", ["1.2.9.1.1.1", "1.2.9.1.2.1"]),
    ("/instances?limit=2&offset=3", ["1.2.9.1.2.1", "1.2.9.2.1.1"]),
    ("/instances?SOPInstanceUID=1.2.9.2.1.1", ["1.2.9.2.1.1"]),
    ("/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2", ["1.2.9.2.1.1"]),
]


@pytest.mark.parametrize(("path", "wanted"), SERIES_FOUND)
def test_series_are_found_in_the_order_of_the_device(two_series, ask, path, wanted):
    assert [s["0020000E"]["Value"][0] for s in ask(two_series, path).json()] == wanted


@pytest.mark.parametrize(("path", "wanted"), INSTANCES_FOUND)
def test_instances_are_found_in_the_order_of_the_device(two_series, ask, path, wanted):
    assert [s["00080018"]["Value"][0] for s in ask(two_series, path).json()] == wanted


def test_a_series_is_answered_with_its_counts(two_series, ask):
    got = ask(two_series, "/studies/1.2.9.1/series?includefield=00080021,00080031&Modality=CT").json()[0]
    assert got.pop("00081190")["Value"][0].endswith("/studies/1.2.9.1/series/1.2.9.1.1")
    assert got == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080021": {"vr": "DA", "Value": ["20240505"]},
        "00080031": {"vr": "TM", "Value": ["101112"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0008103E": {"vr": "LO", "Value": ["AXIAL"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.9.1"]},
        "0020000E": {"vr": "UI", "Value": ["1.2.9.1.1"]},
        "00200011": {"vr": "IS", "Value": [1]},
        "00201209": {"vr": "IS", "Value": [3]},
    }


def test_an_instance_is_answered_with_its_size_and_what_was_asked_for(two_series, web):
    [got] = web(two_series).search_for_instances(
        "1.2.9.2", "1.2.9.2.1", fields=["00280030"], search_filters={"InstanceNumber": 1}
    )
    assert (got["00280010"]["Value"], got["00280011"]["Value"], got["00280100"]["Value"]) == ([128], [128], [16])
    assert got["00280030"]["Value"] == [0.661468, 0.661468]
    assert "00100010" not in got and "00080060" not in got


def test_a_search_below_an_unknown_study_is_404(two_series, ask):
    assert ask(two_series, "/studies/1.2.9.9/series").status_code == 404
    assert ask(two_series, "/studies/1.2.9.1/series/1.2.9.2.1/instances").status_code == 404


def test_a_foreign_client_finds_studies_page_by_page(doctor, web):
    client = web(doctor)
    pages = [client.search_for_studies(limit=3, offset=at) for at in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert {s["0020000D"]["Value"][0] for page in pages for s in page} == set(UID.values())


def test_hidden_series_are_the_owners_to_see(two_series, ask):
    with all_tenants(write=True) as session:
        session.execute(sa.update(Series).where(Series.uid == "1.2.9.1.2").values(hidden=True))
    try:
        [study] = ask(two_series, "/studies?StudyInstanceUID=1.2.9.1").json()
        assert study["00201206"]["Value"] == [2] and study["00080061"]["Value"] == ["CT", "OT"]
    finally:
        with all_tenants(write=True) as session:
            session.execute(sa.update(Series).where(Series.uid == "1.2.9.1.2").values(hidden=False))


@pytest.fixture
def statements(app):
    """SQL sent to the database by whoever asks, the server's threads included."""
    sent = []

    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
def test_a_page_costs_the_same_statements_whatever_its_length(doctor, ask, statements, path):
    ask(doctor, f"{path}?limit=1")
    one = len(statements)
    statements.clear()
    assert len(ask(doctor, f"{path}?limit=7").json()) == 7
    assert len(statements) == one


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("query", "index"),
    [("", "ix_study_study_at"), ("StudyDate=20240301-", "ix_study_study_at"), ("ModalitiesInStudy=CT", "study_modality"),
     ("AccessionNumber=A1", "ix_study_accession"), ("StudyInstanceUID=1.2.3", "tenant_id=? AND uid=?")],
)
def test_a_search_walks_an_index_from_its_newest_study(doctor, ask, statements, query, index):
    ask(doctor, f"/studies?{query}")
    statement, given = next(s for s in statements if "FROM study JOIN patient" in s[0])
    with database.engine.connect() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    assert index in plan[0]
    assert not any(step.startswith("SCAN") for step in plan)
    assert index in ("ix_study_accession", "tenant_id=? AND uid=?") or "USE TEMP B-TREE FOR ORDER BY" not in plan
