"""What a run has seen.

Every frame that was captured is either processed or dropped: ``processed + dropped == captured``.
A picture that the decoder could not read was never captured, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from rt_gait.reasons import Rejection, WindowLoss
from rt_gait.types import FrameResult, IdentityState, TrackSummary


def rejections_by_reason(counts: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return a count for every :class:`Rejection`, in the order of the enumeration."""
    return {reason.value: (counts or {}).get(reason.value, 0) for reason in Rejection}


def losses_by_reason(counts: Mapping[WindowLoss, int] | None = None) -> dict[str, int]:
    """Return a count for every :class:`WindowLoss`, in the order of the enumeration."""
    return {reason.value: (counts or {}).get(reason, 0) for reason in WindowLoss}


def _no_identities() -> dict[str, int]:
    return {state.value: 0 for state in IdentityState}


@dataclass(slots=True)
class Counters:
    """Totals of a run, and how many people of each kind are there now."""

    processed: int = 0
    dropped: int = 0
    """Frames captured and never processed; written, as the next, by whoever runs the source."""
    decode_errors: int = 0
    """Pictures the decoder could not read."""
    reconnects: int = 0
    """Times a camera came back."""
    outputs_failed: int = 0
    """Outputs that were given up."""
    undetected: int = 0
    """Frames processed for which the segmenter's server gave no answer."""
    tracks: int = 0
    """Tracks started."""
    windows: int = 0
    """Windows embedded."""
    windows_lost: dict[str, int] = field(default_factory=losses_by_reason)
    """Windows not embedded, by :class:`WindowLoss` value; written by whoever runs the pipeline."""
    silhouettes: int = 0
    rejections: dict[str, int] = field(default_factory=rejections_by_reason)
    """Frames of tracks that gave no silhouette, by :class:`Rejection` value."""
    media_time_secs: float = 0.0
    """Presentation time of the last frame processed."""
    tracks_live: int = 0
    """Confirmed and lost tracks after the last frame."""
    identities: dict[str, int] = field(default_factory=_no_identities)
    """Of ``tracks_live``, by :class:`IdentityState` value."""
    decisions: int = 0
    """Changes of identity told; what energy is shared out over. This and the next are in no event:
    the log has one for each."""
    tracks_ended: dict[str, int] = field(default_factory=_no_identities)
    """By the :class:`IdentityState` value of what was last claimed."""
    not_walking: int = 0
    """Windows of ended tracks in which the person stood or turned."""

    @property
    def captured(self) -> int:
        """Frames that the source has given."""
        return self.processed + self.dropped

    def update(self, result: FrameResult) -> None:
        """Count one processed frame."""
        self.processed += 1
        self.media_time_secs = result.frame.time_secs
        self.undetected += result.detections.missing
        self.tracks += len(result.started)
        self.windows += len(result.embeddings)
        self.silhouettes += len(result.silhouettes)
        for reason in result.rejections.values():
            self.rejections[reason.value] += 1
        self.tracks_live = len(result.tracks)
        self.identities = _no_identities()
        for identity in result.identities.values():
            self.identities[identity.state.value] += 1

    def end(self, summary: TrackSummary) -> None:
        """Count a track that has ended."""
        self.tracks_ended[summary.identity.state.value] += 1
        self.not_walking += summary.windows_not_walking

    def as_dict(self) -> dict[str, Any]:
        """Return the totals of the run, as ``run.ended`` has them."""
        return {
            "media_time_secs": round(self.media_time_secs, 3),
            "frames": {
                "captured": self.captured,
                "processed": self.processed,
                "dropped": self.dropped,
                "decode_errors": self.decode_errors,
                "undetected": self.undetected,
            },
            "tracks": self.tracks,
            "windows": self.windows,
            "windows_lost": dict(self.windows_lost),
            "silhouettes": self.silhouettes,
            "rejections": dict(self.rejections),
            "reconnects": self.reconnects,
            "outputs_failed": self.outputs_failed,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the totals so far and the people there now, as ``stats`` has them.

        Decode errors are left out: the decoder works ahead, so their number at a given frame of
        a file differs between runs.
        """
        counters = self.as_dict()
        del counters["frames"]["decode_errors"]
        return counters | {"tracks_live": self.tracks_live, "identities": dict(self.identities)}


def total(several: Sequence[Counters]) -> Counters:
    """Return the sums over several sources, at the latest of their times; of one, its own."""
    if len(several) == 1:
        return several[0]
    summed = Counters()
    for each in fields(Counters):
        values = [getattr(counters, each.name) for counters in several]
        if isinstance(values[0], dict):
            setattr(summed, each.name, {key: sum(v[key] for v in values) for key in values[0]})
        else:
            setattr(summed, each.name, sum(values))
    summed.media_time_secs = max(counters.media_time_secs for counters in several)
    return summed
