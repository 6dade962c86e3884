from __future__ import annotations

import threading

import numpy as np

from inference.runner.images import Looker, PictureStore, Sight, placed_images
from inference.runner.native_vision import ImagePart, Rows
from inference.runner.worker import Ticket
from tests.doubles.gguf_vision import png

OPEN, CLOSE = 7, 8
WAIT_S = 10.0


def part(n_rows: int = 3, n_positions: int = 2) -> ImagePart:
    return ImagePart(n_rows=n_rows, n_positions=n_positions, is_whole=False, pointer=None)


class TwoTiles:
    """Cuts every image into two parts of three rows."""

    def __init__(self) -> None:
        self.n_cut = 0

    def cut_up(self, data: bytes) -> list[list[int] | ImagePart]:
        self.n_cut += 1
        return [[OPEN], part(), part(), [CLOSE]]

    def encode(self, part: ImagePart) -> Rows:
        return np.ones((part.n_rows, 4), np.float32)


def test_every_row_of_every_image_has_its_own_number() -> None:
    store = PictureStore(TwoTiles(), n_dims=4)

    first, second = store.picture(png(seed=1)), store.picture(png(seed=2))

    assert list(first.tokens) == [OPEN, -2, -3, -4, -5, -6, -7, CLOSE]
    assert list(second.tokens) == [OPEN, -8, -9, -10, -11, -12, -13, CLOSE]
    assert list(first.sights) == [-2, -5]


def test_an_image_that_was_seen_lately_is_not_cut_up_again() -> None:
    encoder = TwoTiles()
    store = PictureStore(encoder, n_dims=4)

    assert store.picture(png()) is store.picture(png())
    assert encoder.n_cut == 1


def test_old_images_are_forgotten_but_keep_their_numbers() -> None:
    encoder = TwoTiles()
    store = PictureStore(encoder, n_dims=4, kept_bytes=0)
    first = store.picture(png(seed=1))
    store.picture(png(seed=2))

    again = store.picture(png(seed=1))

    assert encoder.n_cut == 3
    assert again is not first
    assert again.tokens == first.tokens


def test_images_are_found_where_they_stand() -> None:
    store = PictureStore(TwoTiles(), n_dims=4)
    one, other = store.picture(png(seed=1)), store.picture(png(seed=2))
    prompt = np.array([1, *one.tokens, 2, *other.tokens, *one.tokens, 3], np.int32)

    placed = placed_images(prompt, [one, other])

    assert [(image.start, image.end, image.n_positions) for image in placed] == [
        (2, 5, 2),
        (5, 8, 2),
        (11, 14, 2),
        (14, 17, 2),
        (19, 22, 2),
        (22, 25, 2),
    ]
    assert placed[0].sight is placed[4].sight


def wait_for(looker: Looker, sight: Sight, ticket: Ticket) -> None:
    for _ in range(1000):
        if looker.is_ready(sight, ticket):
            return
        looker.wait(WAIT_S / 1000)
    raise AssertionError("the image was not looked at")


def test_images_are_looked_at_elsewhere_while_the_caller_goes_on() -> None:
    may_look = threading.Event()

    def encode(part: ImagePart) -> Rows:
        assert may_look.wait(WAIT_S)
        return np.ones((part.n_rows, 4), np.float32)

    looker, sight, ticket = Looker(encode), Sight(part()), Ticket(1)
    looker.start()

    assert not looker.is_ready(sight, ticket)
    assert not looker.is_ready(sight, ticket)
    may_look.set()
    wait_for(looker, sight, ticket)

    assert sight.rows is not None
    assert sight.rows.shape == (3, 4)


def test_what_cannot_be_looked_at_has_a_problem_and_does_not_stop_the_next() -> None:
    def encode(part: ImagePart) -> Rows:
        if part.n_rows == 1:
            raise RuntimeError("too dark")
        return np.ones((part.n_rows, 4), np.float32)

    looker, dark, bright = Looker(encode), Sight(part(1)), Sight(part())
    looker.start()

    wait_for(looker, dark, Ticket(1))
    wait_for(looker, bright, Ticket(2))

    assert dark.problem == "too dark"
    assert bright.rows is not None


def test_for_whoever_has_left_nobody_looks_but_for_the_next_one() -> None:
    looker, sight = Looker(lambda part: np.ones((part.n_rows, 4), np.float32)), Sight(part())
    gone = Ticket(1, is_cancelled=True)
    assert not looker.is_ready(sight, gone)
    looker.start()

    wait_for(looker, sight, Ticket(2))

    assert sight.rows is not None
