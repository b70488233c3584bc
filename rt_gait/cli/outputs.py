"""The outputs of a run: which files they are, whether they can be written, and opening them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rt_gait.config import Settings
from rt_gait.errors import UsageError
from rt_gait.events.rotation import Rotation
from rt_gait.outputs.mot import MotFile
from rt_gait.outputs.output import Output, check_file, check_folder
from rt_gait.outputs.preview import Preview
from rt_gait.outputs.screen import Painter, Recording, Window, has_display
from rt_gait.outputs.silhouettes import SilhouetteDump


def of_source(path: Path, name: str | None) -> Path:
    """Return what one of several sources writes: ``out.mp4`` of ``door`` is ``out.door.mp4``."""
    return path if name is None else path.with_name(f"{path.stem}.{name}{path.suffix}")


def source_names(settings: Settings) -> Sequence[str | None]:
    """Return the names of the sources, None for one that has none."""
    return [None] if settings.source is None else list(settings.source)


def written(settings: Settings) -> list[Path]:
    """Return the files and folders that a run is to write."""
    once = [None if settings.events in (None, "-") else Path(str(settings.events))]
    once.append(settings.energy_log)
    each = (settings.save, settings.mot, settings.dump_silhouettes)
    by_source = [of_source(p, n) for p in each if p is not None for n in source_names(settings)]
    return by_source + [path for path in once if path is not None]


def rotation(settings: Settings) -> Rotation | None:
    """Return when the event log goes on in a new file."""
    if settings.rotate_mb is None and settings.rotate_hours is None:
        return None
    return Rotation(
        None if settings.rotate_mb is None else round(settings.rotate_mb * 1e6),
        None if settings.rotate_hours is None else settings.rotate_hours * 3600,
    )


def check_outputs(settings: Settings, config: Path | None) -> None:
    """Refuse what cannot be written, before anything is loaded or any file is touched.

    Raises:
        UsageError: files that get in each other's way, or a window without a display.
        OutputError: a file that exists, or cannot be written.
    """
    if settings.save is not None and settings.save.suffix.lower() != ".mp4":
        raise UsageError(f"--save writes MP4; give a name that ends in .mp4: {settings.save}")
    events = None if settings.events in (None, "-") else Path(str(settings.events))
    files = written(settings)
    folders = _folders(settings)
    for path in files:
        if path in folders:
            check_folder(path, overwrite=settings.overwrite)
        else:
            goes_on = path == events and rotation(settings) is not None  # nothing is replaced then
            check_file(path, overwrite=settings.overwrite or goes_on)
    inputs = [p for p in (settings.video, settings.gallery, config) if p is not None]
    inputs += [Path(place) for place in (settings.source or {}).values()]
    for i, path in enumerate(files):
        for other in [*files[:i], *inputs]:
            if path.resolve() == other.resolve() or (
                path.exists() and other.exists() and path.samefile(other)
            ):
                raise UsageError(f"an output and another file of this run are the same: {path}")
    if settings.show and not has_display():
        raise UsageError("--show needs a display and there is none; use --headless and --save")


def _folders(settings: Settings) -> list[Path]:
    dump = settings.dump_silhouettes
    return [] if dump is None else [of_source(dump, name) for name in source_names(settings)]


def open_outputs(
    settings: Settings,
    name: str | None,
    *,
    names: Mapping[str, str],
    live: bool,
    on_quit: Callable[[], None],
) -> list[Output]:
    """Open what one source writes.

    Args:
        settings: What is wanted.
        name: Of the source, where there are several.
        names: Subject id to the name to show.
        live: Whether it is a camera.
        on_quit: Called when the user presses q or Esc in the window.

    Raises:
        UsageError: no window can be opened.
        OutputError: a file cannot be written.
    """
    outputs: list[Output] = []
    try:
        outputs.extend(_outputs(settings, name, names=names, live=live, on_quit=on_quit))
    except BaseException:
        for output in outputs:
            output.close()
        raise
    return outputs


def _outputs(
    settings: Settings,
    name: str | None,
    *,
    names: Mapping[str, str],
    live: bool,
    on_quit: Callable[[], None],
) -> Iterator[Output]:
    painter = Painter(names, anonymize=settings.anonymize)
    if settings.show if settings.show is not None else live and has_display():
        title = "rt-gait" if name is None else f"rt-gait: {name}"
        yield Window(title, painter, on_quit=on_quit, closing_quits=not live)
    if settings.preview is not None:
        yield Preview(painter)
    if settings.save is not None:
        yield Recording(of_source(settings.save, name), painter)
    if settings.mot is not None:
        yield MotFile(of_source(settings.mot, name))
    if settings.dump_silhouettes is not None:
        yield SilhouetteDump(of_source(settings.dump_silhouettes, name))
