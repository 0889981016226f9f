"""Values as messages, and calls between two processes, with two channels in one process."""

import io
import json
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.teach import messages
from metarl_min.teach.messages import (
    DEEPEST,
    MOST_BYTES,
    Channel,
    Closed,
    RemoteError,
    Unsendable,
    decode,
    encode,
)


def sent(value):
    """Return a value after its way as JSON text. Functions stay in a list."""
    functions = []
    message = json.loads(json.dumps(encode(value, functions)))
    return decode(message, functions.__getitem__)


def same(x, y):
    """Return whether two values are equal in type, dtype, shape and content, NaN included."""
    if type(x) is not type(y):
        return False
    if isinstance(x, np.ndarray):
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, dict):
        return list(x) == list(y) and all(same(x[name], y[name]) for name in x)
    return x == y or x != x


LETTERS = "a\u00e9\ud800\x00'\"\u6f22"
ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(LETTERS, max_size=4)
)
DTYPES = ["<f8", ">f8", "<f4", "<f2", "|b1", "|i1", "<u8", "<i8", "<c16", "<c8"]
ARRAYS = st.builds(
    lambda dtype, shape, seed: np.random.default_rng(seed).integers(0, 2, shape).astype(dtype),
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 9),
)
VALUES = st.recursive(
    ATOMS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(LETTERS, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_arrives_as_it_was(value):
    assert same(sent(value), value)


@pytest.mark.parametrize("value", [float("nan"), -0.0, 5e-324, 1.7976931348623157e308, 2**63])
def test_the_bits_of_a_number_arrive(value):
    got = sent(value)
    assert type(got) is type(value) and repr(got) == repr(value)


def test_numpy_scalars_arrive_as_arrays_without_axes():
    got = sent(np.float32(0.1))
    assert got.shape == () and got.dtype == np.float32 and got == np.float32(0.1)


def test_an_array_that_arrives_is_a_copy_in_memory_order_and_can_be_written():
    x = np.arange(6.0).reshape(2, 3)[:, ::-1].T
    got = sent(x)
    got[0, 0] = 7
    assert x[0, 0] == 2 and got.flags.writeable and (got[1:] == x[1:]).all()


def test_a_generator_arrives_with_its_state():
    rng = np.random.default_rng(3)
    rng.normal(size=5)
    copy = sent(rng)
    assert (copy.normal(size=4) == rng.normal(size=4)).all()


@pytest.mark.parametrize(
    "value",
    [
        object(), {1: 2}, {1, 2}, b"x", 1j, np.array([None]), np.array(["a"]), np.zeros(2, "f8,f8"),
        np.ma.masked_array([1.0]), np.zeros(2).view(type("Own", (np.ndarray,), {})),
        type("Own", (float,), {})(1.0), type("Own", (str,), {})("a"),
        np.random.Generator(np.random.MT19937(0)), np.zeros(MOST_BYTES), (x for x in "a"),
        {type("Own", (str,), {})("a"): 1},
    ],
)  # fmt: skip
def test_other_values_are_refused_also_inside_of_lists(value):
    for wrapped in (value, [value], (1, {"a": value})):
        with pytest.raises(Unsendable):
            encode(wrapped, [])


def test_the_depth_of_a_value_is_limited():
    value = 1.0
    for _ in range(DEEPEST):
        value = [value]
    assert sent(value) == value
    with pytest.raises(Unsendable, match=f"at most {DEEPEST} lists"):
        encode([value], [])


@pytest.mark.parametrize(
    "message",
    [
        [1.0], {}, {"list": [1], "tuple": []}, {"array": []}, {"array": ["O", [1], ""]},
        {"array": ["V8", [1], "AAAAAAAAAAA="]}, {"array": ["f8", [2], "AAAAAAAAAAA="]},
        {"array": ["(2,)f8", [1], "AAAAAAAAAAA="]}, {"array": ["f7", [1], "AAAAAAAAAAA="]},
        {"generator": {}}, {"function": None}, {"list": 5}, {"dict": []},
        json.loads('{"list": [' * 30 + "]}" * 30),
    ],
)  # fmt: skip
def test_no_value_comes_from_another_message(message):
    with pytest.raises(Exception):  # noqa: B017 PT011  any error will do: `call` turns it into Closed
        decode(message, lambda number: abs)


def described(error):
    if isinstance(error, RemoteError):
        return list(error.args)
    return [type(error).__name__, str(error), 7]


def missing(name):
    raise LookupError(name)


@pytest.fixture
def pair():
    """Two channels that are connected, and a thread that answers on the second."""
    (a, b), (c, d) = os.pipe(), os.pipe()
    names = {
        "twice": lambda x: 2 * x,
        "apply": lambda f, x: f(x),
        "adder": lambda y: lambda x: x + y,
        "fail": lambda: [].pop(),
        "end": lambda: (_ for _ in ()).throw(EOFError("of the function")),
        "odd": object,
    }
    own = Channel(os.fdopen(a, "rb"), os.fdopen(d, "wb"), [], missing, described)
    find = lambda name: names.get(name) or missing(name)  # noqa: E731
    other = Channel(os.fdopen(c, "rb"), os.fdopen(b, "wb"), [], find, described)

    def answers():
        try:
            while True:
                messages.answer(other, messages.receive(other))
        except Closed:
            other.outgoing.close()

    thread = threading.Thread(target=answers)
    thread.start()
    yield own
    own.outgoing.close()
    thread.join()
    own.incoming.close()
    other.incoming.close()


def test_a_call_returns_the_value_of_the_other_side(pair):
    assert (messages.call(pair, "twice", [np.arange(3)]) == [0, 2, 4]).all()


def test_functions_are_called_across_the_border_and_back(pair):
    assert messages.call(pair, "apply", [lambda x: x + 1, 2.0]) == 3.0
    add = messages.call(pair, "adder", [10.0])
    assert add(5.0) == 15.0 and messages.call(pair, "apply", [add, 7.0]) == 17.0


def test_an_error_of_the_other_side_has_a_kind_a_text_and_a_line(pair):
    with pytest.raises(RemoteError) as caught:
        messages.call(pair, "fail", [])
    assert caught.value.args == ("IndexError", "pop from empty list", 7)
    assert str(caught.value) == "IndexError: pop from empty list"
    for name, kind in (("end", "EOFError"), ("odd", "Unsendable"), ("none", "LookupError")):
        with pytest.raises(RemoteError) as caught:
            messages.call(pair, name, [])
        assert caught.value.args[0] == kind
    assert messages.call(pair, "twice", [4]) == 8  # and the channel still works


def test_an_error_of_this_side_comes_back_through_the_other_side(pair):
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(RemoteError) as caught:
        messages.call(pair, "apply", [fails, 1.0])
    assert caught.value.args == ("KeyError", "'mine'", 7)


def test_arguments_that_cannot_be_sent_are_refused_here(pair):
    with pytest.raises(Unsendable):
        messages.call(pair, "twice", [object()])
    with pytest.raises(Unsendable, match="a message must have at most"):
        messages.call(pair, "twice", ["x" * MOST_BYTES])
    assert messages.call(pair, "twice", [4]) == 8


def incoming(data):
    return Channel(io.BytesIO(data), io.BytesIO(), [], missing, described)


def framed(text):
    return len(text).to_bytes(8, "big") + text


@pytest.mark.parametrize(
    "data",
    [
        b"", b"1234567", framed(b'{"value": 1}')[:-1], framed(b"{"), framed(b"[1]"),
        framed(b"\xff\xfe"), framed(b"[" * 10**5), b"\xff" * 8, framed(b""),
        (MOST_BYTES + 1).to_bytes(8, "big") + b"{}",
    ],
)  # fmt: skip
def test_whatever_is_no_message_is_the_end_of_the_channel(data):
    with pytest.raises(Closed):
        messages.receive(incoming(data))


def test_a_closed_stream_is_the_end_of_the_channel():
    channel = incoming(b"")
    channel.incoming.close()
    channel.outgoing.close()
    with pytest.raises(Closed):
        messages.receive(channel)
    with pytest.raises(Closed):
        messages.send(channel, {"value": 1})


@given(st.binary(max_size=60))
def test_noise_never_ends_in_another_error(noise):
    for data in (noise, framed(noise)):
        channel = incoming(data)
        with pytest.raises(Closed):
            messages.call(channel, "f", [])


def test_no_answer_is_sent_after_the_end_of_the_channel():
    def nested():
        raise Closed("the function called the other process")

    channel = incoming(b"")._replace(find=lambda name: nested)
    with pytest.raises(Closed):
        messages.answer(channel, {"call": "f", "arguments": []})
    assert channel.outgoing.getvalue() == b""
