"""A report's texts stay text, and drawing it reaches nothing but the folder made for it."""

from __future__ import annotations

import html
import http.server
import logging
import re
import threading
from dataclasses import fields

import pytest
from PIL import Image
from xhtml2pdf.config.resources import ResourceAccessPolicy

from plugin_sdk.paper import fonts, pdf
from plugin_sdk.paper.fonts import RenderFailed
from plugins.report_templates.html import to_html
from plugins.report_templates.layout import STANDARD, Layout
from plugins.report_templates.pdf import render

HOSTILE = [
    "{{7*7}}",
    "{% include 'x' %}",
    "[[[getattr(pow, '__globals__')]]]",
    '<img src="file:///etc/passwd">',
    "</p></td></table><h1>伪造</h1>",
    "<script>alert(1)</script>",
    "<pdf:include src='/etc/passwd'>",
    "&lt;b&gt; &amp; &#65;",
    '" onload="alert(1)',
    "<!-- 注释 -->",
    "]]> <![CDATA[ x",
]
META = {"title": "t", "author": "", "subject": "", "keywords": ""}
FETCHES = {
    "image": '<img src="http://{at}/image.png" width="9" height="9">',
    "style sheet": '<link rel="stylesheet" href="http://{at}/link.css"><p>x</p>',
    "import": '<style>@import url("http://{at}/import.css");</style><p>x</p>',
    "background": '<div style="background-image: url(http://{at}/background.png)">x</div>',
    "font": '<style>@font-face {{ font-family: a; src: url("http://{at}/a.ttf"); }} p {{ font-family: a }}</style><p>x</p>',
    "page": "<style>@page {{ background-image: url(http://{at}/page.png) }}</style><p>x</p>",
}


@pytest.fixture
def web():
    """A server on the loopback that writes down what it is asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", FETCHES)
def test_nothing_is_fetched_from_the_network(web, tmp_path, kind):
    at, asked = web
    with pytest.raises(RenderFailed):
        pdf.draw(FETCHES[kind].format(at=at), tmp_path, META)
    assert asked == []


@pytest.mark.parametrize("kind", FETCHES)
def test_an_open_policy_would_have_fetched_it(web, tmp_path, monkeypatch, kind):
    """Show that the test above can see a request at all."""
    at, asked = web
    opened = ResourceAccessPolicy(allow_remote=True, allow_private_networks=True, base_dir=tmp_path)
    monkeypatch.setattr(pdf, "policy", lambda folder: opened)
    try:
        pdf.draw(FETCHES[kind].format(at=at), tmp_path, META)
    except RenderFailed:
        pass  # the answer was 404; what counts is that it was asked for
    assert asked != []


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "../{name}"])
def test_no_file_outside_its_folder_is_read(tmp_path, monkeypatch, form):
    stage = tmp_path / "stage"
    stage.mkdir()
    outside = tmp_path / "outside.png"
    Image.effect_noise((200, 200), 90).save(outside)
    source = f'<p>x</p><img src="{form.format(path=outside, name=outside.name)}" width="90" height="90">'
    with pytest.raises(RenderFailed):
        pdf.draw(source, stage, META)
    opened = ResourceAccessPolicy(allow_remote=False, base_dir=stage, allow_local_outside_base=True)
    monkeypatch.setattr(pdf, "policy", lambda folder: opened)
    assert len(pdf.draw(source, stage, META)) > 20_000


def test_every_limit_of_a_rendering_is_set(tmp_path):
    policy = pdf.policy(tmp_path)
    assert {field.name for field in fields(policy) if getattr(policy, field.name) is None} == {"allowed_hosts"}
    assert policy.allow_remote is False
    assert policy.allow_remote_pdf_backgrounds is False
    assert policy.allow_local_outside_base is False


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markup_in_any_text_is_printed_as_text(make_job, make_picture, read_pdf, hostile):
    job = make_job(
        findings=f"甲{hostile}乙",
        impression=hostile,
        hospital=hostile,
        group=hostile,
        name=hostile,
        footer=hostile,
        images=((make_picture(), hostile),),
    )
    text = "".join(read_pdf(render(job, Layout(title=hostile[:40]))).text().split())
    expected = "".join(hostile.split())
    assert f"甲{expected}乙" in text
    assert text.count(expected) >= 7


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markup_in_any_text_is_shown_as_text_on_screen(make_job, hostile):
    plain = to_html(make_job(findings="甲乙", name="丙"), STANDARD, for_print=False)
    shown = to_html(make_job(findings=f"甲{hostile}乙", name=hostile), STANDARD, for_print=False)
    assert re.findall(r"<[a-z/!]+", shown) == re.findall(r"<[a-z/!]+", plain)
    assert f"甲{hostile}乙" in html.unescape(shown)


def test_the_screen_needs_no_script_and_keeps_lines(make_job):
    shown = to_html(make_job(findings="第一行\n第二行"), STANDARD, for_print=False)
    assert "第一行\n第二行" in shown
    assert "<script" not in shown
    assert " style=" not in shown
    assert not re.search(r"\son[a-z]+=", shown)
    assert "http:" not in shown
    assert "file:" not in shown


def test_a_missing_face_stops_the_report(make_job, tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "FOLDER", tmp_path)
    with pytest.raises(RenderFailed):
        render(make_job())


def test_a_face_lost_between_measuring_and_drawing_stops_the_report(tmp_path):
    source = '<style>@font-face { font-family: gone; src: url("gone.ttf"); } p { font-family: gone }</style><p>肺</p>'
    with pytest.raises(RenderFailed):
        pdf.draw(source, tmp_path, META)


def test_what_the_library_says_about_a_report_never_reaches_the_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RenderFailed):
        pdf.draw("<p>张桂兰</p>", tmp_path, META)
    assert "report not printed" in caplog.text
    assert "张" not in caplog.text
    assert "桂" not in caplog.text
