"""The picture with four characters that a first login from an address answers.

The text stays in a row beside the session that is not logged in yet; the page holds only the picture's address. Each
drawing has a new text, each text is answered once, whether rightly or not, and only within five minutes.
"""

from __future__ import annotations

import io
import random
import secrets
from datetime import timedelta

import sqlalchemy as sa
from PIL import Image, ImageDraw, ImageFont

from core import clock
from core.accounts.models import Captcha
from core.tenancy.sessions import nobody
from plugin_sdk.errors import NotFound, RateLimited

ALPHABET = "ABCDEFGHJKMNPQRTUVWXY346789"
LENGTH = 4
VALID = timedelta(minutes=5)
DRAWINGS = 30
"""Pictures that one session may ask for."""
SIZE = (236, 80)
GROUND, INKS = (238, 243, 248), ((11, 37, 69), (16, 71, 102), (70, 30, 90), (96, 44, 20))


def draw(session_id: int) -> bytes:
    """Give a session a new text and draw it. :return: PNG, twice the size it is shown in

    :raise NotFound: no session, so nothing to tie the text to
    :raise RateLimited: more pictures than a person needs
    """
    if not session_id:
        raise NotFound
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    with nobody(write=True) as db:
        row = db.scalars(sa.select(Captcha).where(Captcha.session_id == session_id).with_for_update()).one_or_none()
        if row is None:
            row = Captcha(session_id=session_id, drawn=0)
            db.add(row)
        if row.drawn >= DRAWINGS:
            raise RateLimited
        row.answer, row.drawn, row.expires_at = text, row.drawn + 1, clock.now() + VALID
    return picture(text)


def answered(session_id: int, text: str) -> bool:
    """Check an answer and use its text up. Case and spaces around it do not matter."""
    with nobody(write=True) as db:
        row = db.scalars(sa.select(Captcha).where(Captcha.session_id == session_id).with_for_update()).one_or_none()
        if row is None or not row.answer:
            return False
        expected, row.answer = row.answer, ""
        in_time = row.expires_at > clock.now()
    return in_time and secrets.compare_digest(expected.encode(), text.strip().upper().encode())


def picture(text: str) -> bytes:
    """Characters turned, sheared and close together, under lines of the same ink."""
    chance = random.SystemRandom()
    image = Image.new("RGB", SIZE, GROUND)
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        _line(pen, chance, width=2)
    x = 14.0
    for character in text:
        tile = _tile(character, chance)
        image.paste(tile, (round(x), (SIZE[1] - tile.height) // 2 + chance.randint(-6, 6)), tile)
        x += (SIZE[0] - 28) / len(text)
    for _ in range(2):
        _line(pen, chance, width=3)
    for _ in range(160):
        pen.point((chance.randrange(SIZE[0]), chance.randrange(SIZE[1])), fill=chance.choice(INKS))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _tile(character: str, chance: random.Random) -> Image.Image:
    tile = Image.new("RGBA", (64, 76), (0, 0, 0, 0))
    font = ImageFont.load_default(size=chance.randint(48, 56))
    ink = chance.choice(INKS)
    ImageDraw.Draw(tile).text((32, 38), character, font=font, fill=ink, anchor="mm", stroke_width=1, stroke_fill=ink)
    shear = chance.uniform(-0.25, 0.25)
    tile = tile.transform(
        tile.size, Image.Transform.AFFINE, (1, shear, -38 * shear, 0, 1, 0), resample=Image.Resampling.BICUBIC
    )
    return tile.rotate(chance.uniform(-24, 24), resample=Image.Resampling.BICUBIC)


def _line(pen: ImageDraw.ImageDraw, chance: random.Random, *, width: int) -> None:
    y = [chance.randrange(SIZE[1]) for _ in range(4)]
    points = [
        (SIZE[0] * t / 24, sum(w * v for w, v in zip(_bezier(t / 24), y, strict=True))) for t in range(25)
    ]
    pen.line(points, fill=chance.choice(INKS), width=width)


def _bezier(t: float) -> tuple[float, float, float, float]:
    return (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
