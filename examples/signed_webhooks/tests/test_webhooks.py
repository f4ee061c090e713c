"""A notice reaches a receiver, signed, once in effect, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plugin_sdk.consultation import RequestView
from plugin_sdk.testing import WORDS, House
from receiver import Receiver
from telerad_example_signed_webhooks.settings import Webhook
from telerad_example_signed_webhooks.signature import ID, SIGNATURE, TIMESTAMP, WINDOW, NotGenuine, check, sign

SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET) as running:
        yield running


def ask(house: House, name: str = "欧阳测试") -> str:
    """A request of a patient with a name to look for. :return: its id; the group is told at once"""
    asked = house.ask(house.study(name=name))
    house.work()
    return asked.ref.public_id


def step(house: House, asked: RequestView, who: str, event: str, **body: Any) -> None:
    person, path = house.person(who), f"/requests/{asked.ref.public_id}"
    version = person.call("GET", path).get_json()["version"]
    answer = person.call("POST", f"{path}/{event}", {"version": version, **body})
    assert answer.status_code == 200, answer.get_data(as_text=True)


def test_a_notice_is_posted_with_a_signature_that_holds(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    request = ask(house)
    ((delivery, said),) = receiver.taken.items()
    assert (said["id"], said["kind"], said["tenant"]) == (delivery, "request.submitted", house.group.code)
    assert said["ref"] == f"consultation:request:{request}"
    assert said["path"].startswith(f"/t/{house.group.code}/")
    assert receiver.refused == []


def test_a_receiver_that_fails_first_gets_the_same_delivery_again_signed_anew(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    receiver.answers = [500]
    ask(house)
    assert (len(receiver.tries), receiver.taken) == (1, {})
    house.later(timedelta(minutes=1))
    first, second = receiver.tries
    assert (first[0], first[1]) == (second[0], second[1])
    assert int(second[2]) - int(first[2]) >= 60
    assert list(receiver.taken) == [first[0]]


def test_a_later_notice_of_the_same_request_does_not_take_the_place_of_one_that_is_still_tried(
    house: House, receiver: Receiver
) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET, kinds="review.waiting")
    receiver.answers = [500, 500]
    asked = house.ask(house.study())
    step(house, asked, "reader", "accept")
    for round in ("first", "second"):
        step(house, asked, "reader", "open")
        step(house, asked, "reader", "send_to_review", **WORDS)
        if round == "first":
            step(house, asked, "reviewer", "start_review")
            step(house, asked, "reviewer", "reject", reason="请再看一次")
    house.work()
    house.later(timedelta(minutes=1))
    assert (len(receiver.tries), len(receiver.taken)) == (4, 2)


def test_no_name_of_a_patient_leaves(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    house.set("hospital", Webhook, url=receiver.url, secret=SECRET)
    study = house.study(name="欧阳测试")
    house.finish(house.ask(study))
    house.work()
    assert {said["kind"] for said in receiver.taken.values()} >= {"request.submitted", "report.approved", "report.confirmed"}
    everything = b"".join(body for _, body, _ in receiver.tries).decode()
    for word in ("欧阳", study.patient_id, study.pinyin):
        assert word not in everything


def test_only_the_kinds_that_were_chosen_are_posted(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET, kinds="review.waiting，request.withdrawn")
    house.finish(house.ask(house.study()))
    house.work()
    assert {said["kind"] for said in receiver.taken.values()} == {"review.waiting"}


def test_while_the_secret_changes_both_receivers_are_served(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=OTHER, old_secret=SECRET)
    ask(house)
    receiver.secret = OTHER
    ask(house)
    assert (len(receiver.taken), receiver.refused) == (2, [])


@pytest.mark.parametrize("secret", ["", "too short"])
def test_nothing_leaves_unsigned(house: House, receiver: Receiver, secret: str) -> None:
    house.set("group", Webhook, url=receiver.url, secret=secret)
    ask(house)
    assert (receiver.tries, receiver.refused) == ([], [])
    house.set("group", Webhook, secret=SECRET)
    house.later(timedelta(minutes=1))
    assert len(receiver.taken) == 1


def test_the_house_keeps_working_while_the_receiver_is_gone(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url="http://127.0.0.1:9/nobody", secret=SECRET)
    request = ask(house)
    accepted = house.person("reader").call("POST", f"/requests/{request}/accept", {"version": 1})
    assert accepted.status_code == 200
    house.set("group", Webhook, url=receiver.url)
    house.later(timedelta(minutes=1))
    assert len(receiver.taken) == 1


def test_where_no_address_is_set_or_the_plugin_is_off_nothing_is_sent(house: House, receiver: Receiver) -> None:
    ask(house)
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    house.switch("example_signed_webhooks", on=False)
    ask(house)
    assert receiver.tries == []


def test_the_secret_is_set_on_the_plugins_page_and_never_shown_there(house: House) -> None:
    house.set("group", Webhook, url="https://example.org/hook", secret=SECRET)
    shown = house.person("g_admin").browser().page("/manage/plugins/example_signed_webhooks")
    assert "https://example.org/hook" in shown
    assert SECRET not in shown


def test_another_tenants_notices_stay_there(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    ask(house.another())
    assert receiver.tries == []


def test_the_signature_is_the_one_that_the_readme_names() -> None:
    """Worked out with ``printf '1767225600.{}' | openssl dgst -sha256 -hmac <SECRET>``."""
    assert sign(SECRET, 1767225600, b"{}") == "v1=b7be7938951cd5456a1e6101d62f960010ae1a7b79450661c6af410ba2d5f546"


@pytest.mark.parametrize(
    ("headers", "body", "after"),
    [
        ({}, b"{ }", 0), ({}, b"{}", WINDOW + 1), ({}, b"{}", -WINDOW - 1), ({SIGNATURE: ""}, b"{}", 0),
        ({SIGNATURE: "v1=ü"}, b"{}", 0), ({TIMESTAMP: ""}, b"{}", 0), ({TIMESTAMP: "²"}, b"{}", 0),
        ({TIMESTAMP: "1767225601"}, b"{}", 0),
    ],
)
def test_a_receiver_refuses_what_was_changed_or_kept(headers: dict[str, str], body: bytes, after: int) -> None:
    at = 1767225600
    genuine = {ID: "D1", TIMESTAMP: str(at), SIGNATURE: sign(SECRET, at, b"{}")}
    assert check(SECRET, genuine, b"{}", now=at + WINDOW) == "D1"
    with pytest.raises(NotGenuine):
        check(SECRET, {**genuine, **headers}, body, now=at + after)


def test_a_receiver_whose_clock_is_wrong_refuses_and_is_tried_again(house: House, receiver: Receiver) -> None:
    house.set("group", Webhook, url=receiver.url, secret=SECRET)
    receiver.ahead = 3600
    ask(house)
    receiver.ahead = 0
    house.later(timedelta(minutes=1))
    assert (receiver.refused, len(receiver.taken)) == (["timestamp"], 1)


def test_a_receiver_needs_no_telerad_to_check() -> None:
    import telerad_example_signed_webhooks.signature as alone

    source = Path(str(alone.__file__)).read_text(encoding="utf-8")
    assert "plugin_sdk" not in source
