"""Values as JSON, and calls between two processes.

The grader and the program of a student run in two processes. Each process can call functions of
the other one. A message consists of 8 bytes with a length, and of one JSON object of this length.
There are three kinds of message:

    {"call": function, "arguments": [..]}, {"value": ..} and {"error": [kind, text, line]}

Arrays travel as bytes with a dtype and a shape, and a generator travels as its state. Nothing is
unpickled. A function travels as a number. The process that has the function keeps it in a list, and
the other process receives a function that sends a call. Besides the standard library, this module
imports only NumPy, because it also runs in the process of the student.

A program of a student may write anything into the streams. Data that are not a message raise
`Closed`, as if the other process had ended.

The functions of `messages` trust their arguments.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MOST_BYTES = 1 << 22  # of one message
DEEPEST = 20  # lists inside of lists
KINDS = "biufc"  # the kinds of dtype that travel: bool, int, unsigned, float, complex
DTYPE = re.compile(f"[<>=|]?[{KINDS}][0-9]{{1,2}}")
SORTS = "numbers, strings, arrays, lists, tuples, dicts with string keys, and functions"


class RemoteError(Exception):
    """A function of the other process raised an error: its kind, its text, and a line or 0."""

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class Closed(Exception):
    """The other process has ended, or it has sent data that are not a message."""


class Unsendable(TypeError):
    """A value cannot be sent."""


class Channel(NamedTuple):
    """Two streams to the other process, and the functions that this process has sent."""

    incoming: BinaryIO
    outgoing: BinaryIO
    functions: list[Callable[..., Any]]
    find: Callable[[str], Callable[..., Any]]  # name -> function of this process
    describe: Callable[[BaseException], list[Any]]  # an error -> [kind, text, line]


def encode(value: Any, functions: list[Callable[..., Any]], depth: int = 0) -> Any:
    """Return a value as JSON. Functions in it are added to the list.

    Unsendable for a value that is not made of SORTS. An array must be a plain array, because
    matrices and masked arrays have another arithmetic.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is np.ndarray or isinstance(value, np.generic):
        return {"array": _sent_array(np.asarray(value))}
    if depth == DEEPEST:
        raise Unsendable(f"a value must have at most {DEEPEST} lists inside of each other")
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(part, functions, depth + 1) for part in value]}
    if isinstance(value, dict) and all(type(name) is str for name in value):
        parts = {name: encode(part, functions, depth + 1) for name, part in value.items()}
        return {"dict": parts}
    if isinstance(value, np.random.Generator) and type(value.bit_generator) is np.random.PCG64:
        return {"generator": value.bit_generator.state}
    if callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    raise Unsendable(f"a value must consist of {SORTS}, got {type(value).__name__}")


def _sent_array(array: np.ndarray[Any, Any]) -> list[Any]:
    if array.dtype.kind not in KINDS:
        raise Unsendable(f"an array must hold numbers, got dtype {array.dtype}")
    if array.nbytes > MOST_BYTES // 2:
        most = f"an array must have at most {MOST_BYTES // 2:,} bytes"
        raise Unsendable(f"{most}, got {array.nbytes:,}")
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return [array.dtype.str, list(array.shape), data]


def _array(dtype: str, shape: list[int], data: str) -> np.ndarray[Any, Any]:
    if not DTYPE.fullmatch(dtype):
        raise ValueError("an array must hold numbers")
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()


def _generator(state: dict[str, Any]) -> np.random.Generator:
    rng = np.random.default_rng(0)
    rng.bit_generator.state = state
    return rng


def decode(message: Any, remote: Callable[[int], Callable[..., Any]], depth: int = 0) -> Any:
    """Return the value of a JSON message. `remote` returns the function with a given number.

    An error of any type is raised if `encode` cannot have returned the message.
    """
    if message is None or type(message) in (bool, int, float, str):
        return message
    if depth > DEEPEST:
        raise ValueError(f"a value must have at most {DEEPEST} lists inside of each other")
    ((kind, content),) = message.items()
    if kind == "array":
        return _array(*content)
    if kind in ("list", "tuple"):
        parts = [decode(part, remote, depth + 1) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {name: decode(part, remote, depth + 1) for name, part in content.items()}
    return _generator(content) if kind == "generator" else remote(int(content))


def send(channel: Channel, message: dict[str, Any]) -> None:
    """Write one message. Unsendable if it is too long, Closed if the other process has ended."""
    data = json.dumps(message).encode("ascii")
    if len(data) > MOST_BYTES:
        most = f"a message must have at most {MOST_BYTES:,} bytes"
        raise Unsendable(f"{most}, got {len(data):,}")
    try:
        channel.outgoing.write(len(data).to_bytes(8, "big") + data)
        channel.outgoing.flush()
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        raise Closed("the other process has ended") from error


def receive(channel: Channel) -> dict[str, Any]:
    """Read one message. Closed if the other process has ended or has sent anything else."""
    try:
        size = int.from_bytes(channel.incoming.read(8), "big")
        message = json.loads(channel.incoming.read(size) if size <= MOST_BYTES else b"")
    except (OSError, ValueError, RecursionError) as error:  # an ended stream gives no bytes
        raise Closed("the other process has ended, or has sent no message") from error
    if not isinstance(message, dict):
        raise Closed("the other process has sent no message")
    return message


def call(channel: Channel, function: int | str, arguments: Sequence[Any]) -> Any:
    """Call a function of the other process. RemoteError if it raises an error.

    Until the result comes, this process answers the calls of the other one. Closed if no result
    comes, or if `encode` cannot have returned it.
    """
    packed = [encode(argument, channel.functions) for argument in arguments]
    send(channel, {"call": function, "arguments": packed})
    while "call" in (message := receive(channel)):
        answer(channel, message)
    try:
        if "value" in message:
            return decode(message["value"], _remote(channel))
        kind, text, line = message["error"]
        error = RemoteError(str(kind), str(text), int(line))
    except Exception as wrong:
        raise Closed("the other process has sent no value") from wrong
    raise error


def _remote(channel: Channel) -> Callable[[int], Callable[..., Any]]:
    return lambda number: lambda *arguments: call(channel, number, arguments)


def answer(channel: Channel, message: dict[str, Any]) -> None:
    """Call the function that a message names, and send its value or its error."""
    try:
        name = message["call"]
        function = channel.find(name) if isinstance(name, str) else channel.functions[name]
        value = function(*[decode(part, _remote(channel)) for part in message["arguments"]])
        send(channel, {"value": encode(value, channel.functions)})
    except Closed:
        raise
    except BaseException as error:
        send(channel, {"error": channel.describe(error)})
