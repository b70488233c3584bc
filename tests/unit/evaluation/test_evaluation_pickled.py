"""Pickled arrays are read without unpickling: every form numpy writes, and nothing else."""

from __future__ import annotations

import io
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.errors import DamagedInputError, SourceOpenError
from rt_gait.evaluation.pickled import read_pickled_array

NUMPY_2 = b"numpy._core"
NUMPY_1 = b"numpy.core"
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 64, 44), dtype=np.uint8)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def other_numpy(data: bytes, old: bytes, new: bytes) -> bytes:
    """The bytes as the other numpy writes them: its module names, and lengths to match."""
    for name in (b".multiarray", b".numeric"):
        short_old = bytes([len(old + name)]) + old + name
        data = data.replace(short_old, bytes([len(new + name)]) + new + name)
        data = data.replace(b"c" + old + name, b"c" + new + name)
    if b"\x95" in data[:3]:  # the frame of protocols 4 and 5 tells its own length
        at = data.index(b"\x95") + 1
        size = int.from_bytes(data[at : at + 8], "little") + (len(new) - len(old))
        data = data[:at] + size.to_bytes(8, "little") + data[at + 8 :]
    return data


@pytest.fixture(autouse=True)
def never_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("pickle was called")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("new", [NUMPY_1, NUMPY_2])
@pytest.mark.parametrize(
    "array",
    [PICTURES, np.asfortranarray(PICTURES), PICTURES[:, ::2], PICTURES[:0], PICTURES[:, :, 0] > 99],
)
def test_arrays_of_every_protocol_and_numpy(
    tmp_path: Path, protocol: int, new: bytes, array: np.ndarray
) -> None:
    data = pickle.dumps(array, protocol=protocol)
    own = NUMPY_2 if NUMPY_2 in data else NUMPY_1
    data = other_numpy(data, own, new)
    assert new + b"." in data
    found = read_pickled_array(write(tmp_path / "a.pkl", data))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("kind", ["<f4", ">i2", "<u8", "|i1", "<f2"])
def test_numbers_keep_their_byte_order(tmp_path: Path, kind: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(kind)
    found = read_pickled_array(write(tmp_path / "a.pkl", pickle.dumps(array, protocol=4)))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_large_arrays_too(tmp_path: Path) -> None:
    array = np.zeros((300, 64, 64), np.uint8)
    array[100, 3, 4] = 7
    for protocol in (2, 4, 5):
        path = write(tmp_path / "a.pkl", pickle.dumps(array, protocol=protocol))
        assert np.array_equal(read_pickled_array(path), array)


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("call", [os.system, eval, exec, np.load, io.open])
def test_malicious_pickles_are_refused_unexecuted(tmp_path: Path, protocol: int, call: Any) -> None:
    trace = tmp_path / "trace"
    arguments = {np.load: (str(trace),), io.open: (str(trace), "w")}
    code = f"touch {trace}" if call is os.system else f"open({str(trace)!r}, 'w')"
    evil = Evil(call, *arguments.get(call, (code,)))
    path = write(tmp_path / "evil.pkl", pickle.dumps(evil, protocol=protocol))
    with pytest.raises(DamagedInputError, match=r"evil\.pkl"):
        read_pickled_array(path)
    assert not trace.exists()


def test_the_refusal_says_what_was_found(tmp_path: Path) -> None:
    path = write(tmp_path / "evil.pkl", pickle.dumps(Evil(os.system, "true"), protocol=4))
    with pytest.raises(DamagedInputError, match=r"the name 'posix\.system'|'nt\.system'"):
        read_pickled_array(path)


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}, Evil(os.system, "false")], dtype=object),
        np.array(["a", "b"]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        np.datetime64("2024-01-01"),
        {"a": 1},
        [PICTURES],
        (PICTURES, PICTURES),
        None,
        5,
        "text",
        np.uint8(3),
        Path("/"),
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_anything_but_one_array_of_numbers_is_refused(
    tmp_path: Path, value: Any, protocol: int
) -> None:
    path = write(tmp_path / "a.pkl", pickle.dumps(value, protocol=protocol))
    with pytest.raises(DamagedInputError, match="expected a pickled numpy array"):
        read_pickled_array(path)


def test_a_subclass_of_array_is_refused(tmp_path: Path) -> None:
    array = np.ma.masked_array([1, 2], mask=[0, 1])
    with pytest.raises(DamagedInputError):
        read_pickled_array(write(tmp_path / "a.pkl", pickle.dumps(array)))


def test_a_long_program_is_refused(tmp_path: Path) -> None:
    """A few bytes that would fill the memory, by doubling a tuple again and again."""
    bomb = b"\x80\x04)" + b"\x94h\x00\x86" * 1000 + b"."
    with pytest.raises(DamagedInputError, match="a long program"):
        read_pickled_array(write(tmp_path / "a.pkl", bomb))


def test_shapes_that_lie_are_refused(tmp_path: Path) -> None:
    data = pickle.dumps(np.zeros((3, 4), np.uint8), protocol=3)
    for lie in (b"K\x03K\x05\x86", b"K\x03\x8a\x09" + b"\xff" * 8 + b"\x7f\x86", b"K\x03N\x86"):
        assert b"K\x03K\x04\x86" in data
        path = write(tmp_path / "a.pkl", data.replace(b"K\x03K\x04\x86", lie))
        with pytest.raises(DamagedInputError, match="array"):
            read_pickled_array(path)


@given(st.binary(max_size=60))
def test_any_bytes_give_an_array_or_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "any.pkl", data)
    with pytest.raises(DamagedInputError):
        read_pickled_array(path)


@given(st.integers(2, 5), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_gives_an_array_or_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, protocol: int, at: int, byte: int
) -> None:
    data = bytearray(pickle.dumps(np.arange(40, dtype=np.uint8).reshape(4, 10), protocol=protocol))
    data[at % len(data)] = byte
    path = write(tmp_path_factory.getbasetemp() / "changed.pkl", bytes(data))
    with suppress(DamagedInputError):
        assert isinstance(read_pickled_array(path), np.ndarray)


def test_a_cut_file_and_a_missing_one(tmp_path: Path) -> None:
    data = pickle.dumps(PICTURES, protocol=4)
    with pytest.raises(DamagedInputError, match="no whole pickle"):
        read_pickled_array(write(tmp_path / "cut.pkl", data[: len(data) // 2]))
    with pytest.raises(SourceOpenError, match="cannot read"):
        read_pickled_array(tmp_path / "none.pkl")
