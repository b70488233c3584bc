"""Names leave the machine; places and passwords do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.events import public_name, redact


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("lobby.mp4", "lobby.mp4"),
        ("/home/ann/lobby.mp4", "lobby.mp4"),
        ("videos/ann/", "ann"),
        ("/dev/video0", "video0"),
        ("0", "0"),
        ("file:///home/ann/lobby.mp4", "lobby.mp4"),
        ("rtsp://10.0.0.7/ch1", "10.0.0.7"),
        ("rtsp://ann:pw@10.0.0.7:554/ch1?key=pw", "10.0.0.7:554"),
        ("rtsp://ann:p@/?#w@cam.lan/ch1", "cam.lan"),
        ("rtsp://[fe80::1]:554/ch1", "[fe80::1]:554"),
        ("http://cam.lan?user=ann", "cam.lan"),
        ("rtsp://", "source"),
        ("/", "source"),
        ("", "source"),
    ],
)
def test_public_name(source: str, name: str) -> None:
    assert public_name(source) == name


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("25 frames/s and/or less", "25 frames/s and/or less"),
        ("no answer (rtsp://u:p@cam/x), retrying", "no answer (cam), retrying"),
        ("cannot read /home/ann/x.mp4: gone", "cannot read x.mp4: gone"),
        ("cannot read ~/x.mp4 or ../ann/y.mp4", "cannot read x.mp4 or y.mp4"),
        ("[Errno 2] No such file: '/home/ann smith/x.mp4'", "[Errno 2] No such file: 'x.mp4'"),
        ('open "rtsp://u:p@cam/x"', 'open "cam"'),
        ("", ""),
    ],
)
def test_redact(text: str, public: str) -> None:
    assert redact(text) == public


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    st.sampled_from(["rtsp", "rtsps", "http", "RTSP"]),
)
def test_no_password_survives(tail: str, scheme: str) -> None:
    address = f"{scheme}://ann:s3cret{tail}@cam.lan:554/stream"
    assert public_name(address) == "cam.lan:554"
    assert "s3cret" not in redact(f"lost {address} again")
