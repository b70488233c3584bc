"""Settings: flag > ``RT_GAIT_*`` environment > TOML file > default."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rt_gait.errors import UsageError
from rt_gait.serving.repository import default_models_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_BYTES_MAX = 1024 * 1024
"""A configuration above is refused before it is parsed; a full one takes 2 kB."""
SOURCES = ("video", "camera", "rtsp", "source")
"""Settings that say where frames come from."""
SOURCE_NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""What a source may be called: names become parts of file names."""


class Settings(BaseSettings):
    """Everything a run can be told."""

    toml_file: ClassVar[Path | None] = None
    model_config = SettingsConfigDict(
        env_prefix="RT_GAIT_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    video: Path | None = Field(None, description="Video file, or folder of pictures")
    camera: int | str | None = Field(None, description="Number of a camera, or csi://0")
    rtsp: str | None = Field(
        None, repr=False, description="Address of a network camera, rtsp:// or http:// (MJPEG)"
    )
    source: Annotated[dict[str, str] | None, NoDecode] = Field(
        None,
        repr=False,
        description="Several sources: name to address, camera or file",
    )
    fps: float | None = Field(
        None, gt=0, le=1000, description="Frame rate to use in place of the source's timestamps"
    )
    save: Path | None = Field(None, description="Annotated video, MP4")
    events: str | None = Field(None, description="Event log, JSON Lines; - for standard output")
    mot: Path | None = Field(None, description="Tracks in MOTChallenge format")
    dump_silhouettes: Path | None = Field(None, description="Folder for silhouettes by track")
    energy_log: Path | None = Field(None, description="Energy samples, JSON Lines")
    energy_meter: str | None = Field(
        None, description="Meter for energy: auto, none or its name; by default only for a log"
    )
    show: bool | None = Field(None, description="Window; by default for a camera with a display")
    overwrite: bool = Field(False, description="Replace outputs that exist")
    gallery: Path | None = Field(None, description="Enrolled people, one SQLite file")
    learn: bool = Field(
        False, description="Propose walks of people who are clearly known as templates"
    )
    detector: str = Field("person_seg", description="Model, or Ultralytics weights")
    model: str = Field("gait3d", description="Gait model of the model repository")
    models_dir: Path = Field(
        default_factory=default_models_dir, description="Model repository to read"
    )
    triton: str | None = Field(
        None, description="Triton server that runs the gait model, HOST:PORT of its gRPC"
    )
    wait_triton: float = Field(
        5.0, ge=0, le=86400, description="Seconds to wait for the Triton server at the start"
    )
    triton_tls: bool = Field(False, description="Encrypt the connection to Triton")
    triton_ca: Path | None = Field(
        None, description="Certificates to trust, PEM, where the system's do not do; implies TLS"
    )
    known_score: float | None = Field(
        None, ge=-1, le=1, description="Similarity from which a person is known"
    )
    candidate_score: float | None = Field(
        None, ge=-1, le=1, description="Similarity from which a person is a candidate"
    )
    margin: float | None = Field(
        None, ge=0, le=2, description="Lead over the next subject that 'known' needs"
    )

    rotate_mb: float | None = Field(
        None, gt=0, description="Size in MB from which the event log goes on in a new file"
    )
    rotate_hours: float | None = Field(
        None, gt=0, description="Age in hours from which the event log goes on in a new file"
    )
    anonymize: Literal["blur", "silhouette"] | None = Field(
        None, description="What the window and the annotated video show in place of people"
    )
    metrics: str | None = Field(
        None, description="Where metrics and health are told over HTTP, :PORT or HOST:PORT"
    )

    preview: str | None = Field(
        None, description="Where a browser sees the annotated pictures, :PORT or HOST:PORT"
    )

    @field_validator("source", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Take ``name=place`` one by one, from flags, or with blanks between, from a variable."""
        if isinstance(given, str):
            given = given.split()
        if not isinstance(given, list):
            return given
        pairs = [str(one).partition("=") for one in given]
        names = [name for name, _, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        return {name: place for name, _, place in pairs}

    @field_validator("source")
    @classmethod
    def _nameable(cls, given: dict[str, str] | None) -> dict[str, str] | None:
        for name, place in (given or {}).items():
            if not SOURCE_NAME.fullmatch(name) or not place:
                raise ValueError(
                    "expected sources as NAME=PLACE, the name 1 to 32 of a-z 0-9 _ -, the place an "
                    "address, a camera or a file"
                )
        return given or None

    @model_validator(mode="after")
    def _one_source(self) -> Settings:
        if sum(getattr(self, name) is not None for name in SOURCES) > 1:
            raise ValueError("give one of --video, --camera, --rtsp and --source, not several")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named by pydantic
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources; the TOML file is the one that ``load_settings`` was given."""
        toml = TomlConfigSettingsSource(settings_cls, cls.toml_file)
        return init_settings, env_settings, toml


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Gather the settings of a run.

    Args:
        config: TOML file.
        flags: Settings given on the command line; None means not given.

    Raises:
        UsageError: a file that cannot be read, a key that does not exist, a value out of range.
    """
    if config is not None:
        _read_check(config)
    given = {name: value for name, value in flags.items() if value is not None}
    if any(source in given for source in SOURCES):
        for other in SOURCES:  # a flag for one beats the others in the environment or the file
            given.setdefault(other, None)

    class FromFile(Settings):
        toml_file = config

    try:
        return FromFile(**given)
    except ValidationError as error:
        raise UsageError(_explain(error, config)) from None


def _read_check(config: Path) -> None:
    try:
        with config.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
        if len(text) > FILE_BYTES_MAX:
            raise UsageError(f"a configuration has at most {FILE_BYTES_MAX} bytes: {config}")
        tomllib.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise UsageError(f"the configuration is nested too deeply: {config}") from error
    except OSError as error:
        raise UsageError(f"cannot read the configuration ({error.strerror}): {config}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration is not TOML ({error}): {config}") from error


def _explain(error: ValidationError, config: Path | None) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = ", ".join(sorted(Settings.model_fields))
        return f"there is no setting {key!r} (in {config}); settings: {known}"
    message = problem["msg"].removeprefix("Value error, ")
    if not key or key.startswith("source"):  # which may hold a password
        return message
    return f"setting {key!r}: {message[0].lower()}{message[1:]}, not {problem['input']!r}"
