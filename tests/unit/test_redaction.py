"""One rule for what of an address may be shown."""

from __future__ import annotations

import pytest

from rt_gait.errors import UsageError
from rt_gait.events import public_name
from rt_gait.publishing.address import parse_address
from rt_gait.redaction import has_login, hide_secrets, host_of
from rt_gait.video.uri import shown

HOSTS = {
    "rtsp://10.0.0.7/ch1": "10.0.0.7",
    "rtsp://ann:s3cret@10.0.0.7:554/ch1?pw=s3cret#s3cret": "10.0.0.7:554",
    "rtsp://ann:s3@/?#cret@10.0.0.7:554/ch1": "10.0.0.7:554",
    "https://[::1]:8443/s3cret": "[::1]:8443",
    "mqtts://ann:s3cret@broker": "broker",
    "rtsp://ann:s3cret@": "",
}


@pytest.mark.parametrize("address", HOSTS)
def test_host_and_port_are_all_that_is_shown(address: str) -> None:
    host = HOSTS[address]
    assert host_of(address) == host
    assert shown(address) == f"{address.partition('://')[0]}://{host or '(no host)'}"
    assert public_name(address) == (host or "source")
    for said in (shown(address), public_name(address)):
        assert "s3" not in said
    assert "ann:" not in hide_secrets(f"cannot open {address}: refused")


def test_a_login_is_noticed() -> None:
    assert has_login("rtsp://ann@h/x")
    assert not has_login("rtsp://h:554/x")
    assert not has_login("lobby@night.mp4")


@pytest.mark.parametrize("address", ["https://ann:s3/cret@host/x", "https://host/hook/@s3cret"])
def test_a_receiver_whose_host_is_not_clear_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"%40|port") as caught:
        parse_address(address, ("https",))
    assert "s3" not in str(caught.value)
    fine = parse_address("https://ann:s3%2Fcret@host/%40s3cret", ("https",))
    assert (fine.host, fine.password, fine.target) == ("host", "s3/cret", "/%40s3cret")
    assert "s3" not in f"{fine} {fine!r}"
