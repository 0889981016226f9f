"""Values as JSON, and calls between two processes.

The grader and the program of a student run in two processes. Each process can call functions of
the other one. A message is one JSON object after its length in 8 bytes. There are three kinds:

    {"call": function, "arguments": [..]}, {"value": ..} and {"error": [kind, text, line]}

Arrays travel as bytes with a dtype and a shape, and a generator travels as its state. Nothing is
unpickled. A function travels as a number: the process that has the function keeps it in a list, and
the other process receives a function that sends a call. This module imports NumPy alone, because it
also runs in the process of the student.

The functions of `messages` trust their arguments.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MOST_BYTES = 1 << 24  # of one message
KINDS = "biufc"  # the kinds of dtype that travel: bool, int, unsigned, float, complex


class RemoteError(Exception):
    """The function of the other process raised an error: kind, text, line of the file or 0."""


class Channel(NamedTuple):
    """Two streams to the other process, and the functions that this process has sent."""

    incoming: BinaryIO
    outgoing: BinaryIO
    functions: list[Callable[..., Any]]
    find: Callable[[str], Callable[..., Any]]  # the function of this process with a name
    describe: Callable[[BaseException], list[Any]]  # an error -> [kind, text, line]


def encode(value: Any, functions: list[Callable[..., Any]]) -> Any:
    """Return a value as JSON. Functions in it are added to the list. TypeError for other kinds."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in KINDS:
            raise TypeError(f"an array must hold numbers, got dtype {array.dtype}")
        data = base64.b64encode(array.tobytes()).decode("ascii")
        return {"array": [array.dtype.str, list(array.shape), data]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(part, functions) for part in value]}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: encode(part, functions) for name, part in value.items()}}
    if isinstance(value, np.random.Generator):
        return {"generator": value.bit_generator.state}
    if callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    kinds = "numbers, strings, arrays, lists, tuples, dicts with string keys and functions"
    raise TypeError(f"a value must consist of {kinds}, got {type(value).__name__}")


def _array(dtype: str, shape: list[int], data: str) -> np.ndarray[Any, Any]:
    kind = np.dtype(dtype)
    if kind.kind not in KINDS:
        raise ValueError(f"an array must hold numbers, got dtype {kind}")
    return np.frombuffer(base64.b64decode(data), kind).reshape(shape).copy()


def _generator(state: dict[str, Any]) -> np.random.Generator:
    rng = np.random.default_rng(0)
    rng.bit_generator.state = state
    return rng


def decode(message: Any, remote: Callable[[int], Callable[..., Any]]) -> Any:
    """Return the value of a JSON message. `remote` makes the function with a number."""
    if not isinstance(message, dict):
        return message
    ((kind, content),) = message.items()
    if kind == "array":
        return _array(*content)
    if kind in ("list", "tuple"):
        parts = [decode(part, remote) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {name: decode(part, remote) for name, part in content.items()}
    return _generator(content) if kind == "generator" else remote(int(content))


def send(channel: Channel, message: dict[str, Any]) -> None:
    """Write one message. ValueError if it is too long."""
    data = json.dumps(message).encode("ascii")
    if len(data) > MOST_BYTES:
        raise ValueError(f"a message must have at most {MOST_BYTES:,} bytes, got {len(data):,}")
    channel.outgoing.write(len(data).to_bytes(8, "big") + data)
    channel.outgoing.flush()


def receive(channel: Channel) -> dict[str, Any]:
    """Read one message. EOFError if the other process has ended, ValueError for anything else."""
    header = channel.incoming.read(8)
    size = int.from_bytes(header, "big")
    if len(header) == 8 and size > MOST_BYTES:
        raise ValueError(f"a message must have at most {MOST_BYTES:,} bytes, got {size:,}")
    data = channel.incoming.read(size) if len(header) == 8 else b""
    if len(header) < 8 or len(data) < size:
        raise EOFError("the other process has ended")
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("a message must be an object")
    return message


def call(channel: Channel, function: int | str, arguments: Sequence[Any]) -> Any:
    """Call a function of the other process. RemoteError if it raises an error.

    Until the result comes, this process answers the calls of the other one.
    """
    packed = [encode(argument, channel.functions) for argument in arguments]
    send(channel, {"call": function, "arguments": packed})
    while "call" in (message := receive(channel)):
        answer(channel, message)
    if "error" in message:
        raise RemoteError(*message["error"])
    return decode(message["value"], _remote(channel))


def _remote(channel: Channel) -> Callable[[int], Callable[..., Any]]:
    return lambda number: lambda *arguments: call(channel, number, arguments)


def answer(channel: Channel, message: dict[str, Any]) -> None:
    """Call the function that a message names, and send its value or its error."""
    try:
        name = message["call"]
        function = channel.find(name) if isinstance(name, str) else channel.functions[name]
        value = function(*[decode(part, _remote(channel)) for part in message["arguments"]])
        reply = {"value": encode(value, channel.functions)}
        send(channel, reply)
    except (EOFError, BrokenPipeError):
        raise
    except BaseException as error:
        send(channel, {"error": channel.describe(error)})
