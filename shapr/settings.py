"""Every setting: read from the environment, prefix `SHAPR_`, and from nowhere else.

Nothing reads a setting at import time; `worker_main`, `web.app` and `cli` build one `Settings` and hand it down.
`docs/settings.md` is rendered from the descriptions here, by a test.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MB = 1 << 20

# Empty means unset, as in a compose file. Absolute at once: whoever runs it works in another folder.
ExternalProgram = Annotated[
    Path | None,
    BeforeValidator(lambda given: given or None),
    AfterValidator(lambda path: path and path.expanduser().absolute()),
]


def _external(title: str) -> Any:
    return Field(None, description=f"External program that reads {title} sources instead of us: docs/converters.md.")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHAPR_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address the API binds to; anything but loopback needs keys.")
    port: int = Field(8000, description="Port of the API.")
    temporal_port: int = Field(7233, description="Port of the embedded Temporal server.")
    temporal_ui_port: int = Field(8233, description="Port of the embedded Temporal UI.")
    data_dir: Path = Field(Path(".shapr"), description="Where the embedded stack keeps everything.")
    allowed_hosts: str = Field(
        "127.0.0.1,localhost,[::1]", description="Host names, comma separated, that a keyless loopback API answers to."
    )
    legacy: bool = Field(False, description="Serve the seed's API below /shapr too: docs/legacy.md. `make up` does.")
    legacy_origins: str = Field(
        "*", description="Origins, comma separated, whose pages may call /shapr from a browser; `*` is any."
    )

    temporal_address: str = Field("127.0.0.1:7233", description="Temporal frontend, host:port.")
    temporal_namespace: str = Field("default", description="Temporal namespace of every workflow.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://127.0.0.1:5432/shapr"), description="PostgreSQL, as a postgresql:// URL."
    )
    database_pool: int = Field(8, ge=1, description="PostgreSQL connections per process; there is no overflow.")
    database_timeout: float = Field(15, gt=0, description="Seconds a PostgreSQL statement may take.")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="Redis: progress and events. Losing it loses no conversion."
    )
    s3_endpoint: str | None = Field(None, description="S3 endpoint URL; unset means the AWS endpoint of the region.")
    s3_region: str = Field("us-east-1", description="S3 region.")
    s3_bucket: str = Field("shapr", description="Bucket of sources and outputs.")
    s3_access_key: SecretStr | None = Field(None, description="S3 access key; unset means the ambient credentials.")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret key.")
    s3_public_url: str | None = Field(None, description="Endpoint that callers reach, for presigned links.")

    max_upload_bytes: int = Field(2048 * MB, ge=1, description="Largest source accepted, bytes.")
    request_timeout: float = Field(60, gt=0, description="Seconds an upload may stand still before it is given up.")

    max_queue: int = Field(
        10_000, ge=1, description="Conversions that may wait for a converter; more are refused: overloaded."
    )
    read_only: bool = Field(False, description="This API process refuses everything that creates or changes.")

    queues: Literal["both", "conversions", "compress"] = Field(
        "both", description="Which task queues this worker serves."
    )
    compress_slots: int = Field(0, ge=0, description="Converters at once per worker; 0 means one per core.")
    memory: int = Field(0, ge=0, description="Bytes for all converters of a worker; 0 means 75 % of what there is.")
    grace: float = Field(10, ge=0, description="Seconds a stopping worker gives running steps.")
    build_id: str | None = Field(None, description="Worker Deployment build id; unset means an unversioned worker.")
    scratch_dir: Path | None = Field(None, description="Parent of the scratch dirs; unset means the system's temp dir.")
    step_attempts: int = Field(10, ge=1, description="Attempts of upload, compress and store before a stall.")
    notify_attempts: int = Field(300, ge=1, description="Attempts of notify, at most 5 minutes apart, before a stall.")
    heartbeat_timeout: float = Field(30, gt=0, description="Seconds without a heartbeat before a step counts as dead.")
    upload_timeout: float = Field(1800, gt=0, description="Seconds of one attempt of upload.")
    compress_timeout: float = Field(1800, gt=0, description="Seconds of one attempt of compress: two converter runs.")
    store_timeout: float = Field(300, gt=0, description="Seconds of one attempt of store.")
    notify_timeout: float = Field(300, gt=0, description="Seconds of one attempt of notify.")
    stall_patience: float = Field(604_800, gt=0, description="Seconds a stalled conversion waits for an operator.")
    reconcile_every: float = Field(60, gt=0, description="Seconds between two passes of reconcile.")
    reconcile_age: float = Field(60, ge=0, description="Seconds a conversion is left alone by reconcile.")
    source_patience: float = Field(86_400, gt=0, description="Seconds a conversion waits for its source, then fails.")
    sweep_every: float = Field(6 * 3600, gt=0, description="Seconds between two sweeps for orphan objects.")
    sweep_age: float = Field(3600, ge=0, description="Seconds an object without a conversion is left alone.")

    converter_timeout: float = Field(800, gt=0, description="Wall-clock seconds of one converter run.")
    converter_cpu: int = Field(800, gt=0, description="CPU seconds of one converter run.")
    converter_memory: int = Field(4096 * MB, gt=0, description="Resident bytes of one converter run.")
    converter_output: int = Field(4096 * MB, gt=0, description="Largest file a converter may write, bytes.")
    sandbox: Literal["strict", "degrade"] = Field(
        "strict",
        description="Without Landlock or system call filters a worker does not start (strict), or says so and converts"
        " (degrade). `make up` degrades: docs/sandbox.md.",
    )
    max_mesh_to_brep: int = Field(50_000, gt=0, description="Triangles above which a mesh is not made a B-Rep.")

    # One for each format that can be a source: `sources()` of shapr/converters/formats.py reads them by name.
    converter_shapr: ExternalProgram = _external("Shapr3D")
    converter_step: ExternalProgram = _external("STEP")
    converter_iges: ExternalProgram = _external("IGES")
    converter_brep: ExternalProgram = _external("BREP")
    converter_stl: ExternalProgram = _external("STL")
    converter_obj: ExternalProgram = _external("OBJ")
    converter_ply: ExternalProgram = _external("PLY")
    converter_off: ExternalProgram = _external("OFF")
    converter_glb: ExternalProgram = _external("GLB")
    converter_gltf: ExternalProgram = _external("glTF")
    converter_3mf: ExternalProgram = _external("3MF")
    sandbox_readable: str = Field(
        "", description="Folders, colon separated, that a plugged-in program may read besides its own."
    )
    demo_stub: bool = Field(
        False, description="Answer `.shapr` sources with stub results, labelled as such: nothing is converted."
    )

    url: str | None = Field(
        None, description="Address of the API that the CLI talks to; unset means SHAPR_HOST and SHAPR_PORT."
    )
    api_key: SecretStr | None = Field(None, description="Key that the CLI sends; unset means none.")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")
