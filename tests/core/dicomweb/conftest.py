"""Hospitals, members and images of the shared application, behind a real server on loopback."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from werkzeug.serving import make_server

from core.accounts import actions as accounts
from core.accounts.login import make_token
from core.app import TeleradFlask
from core.intake import ingest
from core.intake.child import Parser
from core.tenancy import actions as tenancy
from core.tenancy.models import Role, Tenant
from core.tenancy.sessions import all_tenants

numbers = count(1)


@dataclass
class Member:
    account_id: int
    tenant: Tenant
    token: str


@pytest.fixture(autouse=True)
def _context(app: TeleradFlask) -> Iterator[None]:
    """Tests look into the database; what they ask over HTTP runs in the server's own contexts."""
    with app.app_context():
        yield


@pytest.fixture(scope="session")
def make_tenant(app: TeleradFlask) -> Callable[..., Tenant]:
    def make(kind: str = "hospital") -> Tenant:
        code = f"W{next(numbers):04d}"
        with app.app_context(), all_tenants(write=True) as session:
            return tenancy.create(session, app.house, code=code, kind=kind, name=code)

    return make


@pytest.fixture(scope="session")
def make_member(app: TeleradFlask) -> Callable[..., Member]:
    """A member with a token. Role ``none`` holds no right at all."""

    def make(tenant: Tenant, role: str = "admin") -> Member:
        number = next(numbers)
        with app.app_context():
            with all_tenants(write=True) as session:
                account = accounts.create(
                    session, phone=f"138{number:08d}", name=f"M{number}", password="Secret2026$", must_change=False
                )
                if role == "none":
                    session.add(Role(tenant_id=tenant.id, code="none", name="none", permissions=[]))
                    session.flush()
                tenancy.join(session, tenant=tenant, account_id=account.id, role=role)
            return Member(account.id, tenant, make_token(account.id, tenant.id, days=1))

    return make


@pytest.fixture(scope="session")
def parser() -> Iterator[Parser]:
    with Parser() as child:
        yield child


@pytest.fixture(scope="session")
def ingested(app: TeleradFlask, parser: Parser, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Let files or data sets into a tenant, as any door does; everything must be stored."""
    folder = tmp_path_factory.mktemp("sent")

    def let_in(tenant: Tenant, *images: Path | FileDataset) -> None:
        for image in images:
            path = image
            if isinstance(image, FileDataset):
                path = folder / f"{next(numbers)}.dcm"
                image.save_as(path)
            with app.app_context(), app.house.system_ctx(tenant.id, write=False) as ctx:
                outcome = ingest.ingest_file(ctx, Path(path), name="x.dcm", source_id=None, parser=parser)
            assert (outcome.outcome, outcome.reason) == ("stored", ""), outcome

    return let_in


@pytest.fixture(scope="session")
def server(app: TeleradFlask) -> Iterator[str]:
    served = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def web(server: str) -> Callable[..., DICOMwebClient]:
    def client(member: Member, *, access: str | None = None) -> DICOMwebClient:
        session = create_session()
        session.headers["Authorization"] = f"Bearer {member.token}"
        return DICOMwebClient(server + root(member, access), session=session)

    return client


@pytest.fixture(scope="session")
def ask(server: str) -> Callable[..., requests.Response]:
    """GET below a root, as anybody who speaks HTTP."""

    def get(member: Member, path: str, *, access: str | None = None, tenant: str = "", **headers: str) -> Any:
        base = f"/t/{tenant}/dicom-web" if tenant else root(member, access)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(
            server + base + path, headers={"Authorization": f"Bearer {member.token}", **names}, timeout=60
        )

    return get


def root(member: Member, access: str | None = None) -> str:
    return f"/g/{access}/dicom-web" if access else f"/t/{member.tenant.code}/dicom-web"


def public(name: str) -> Path:
    """A file that pydicom ships."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), name
    return Path(found)


def image(name: str = "MR_small.dcm", **changes: Any) -> FileDataset:
    """A shipped file with other attributes, its file meta information in step."""
    data = pydicom.dcmread(public(name))
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def as_bytes(data: FileDataset) -> bytes:
    out = io.BytesIO()
    data.save_as(out)
    return out.getvalue()
