"""The error table: every way in which the service says no, and what to do about it.

Callers see `code`, `title` and a detail; `docs/errors.md` is rendered from here by a test. The table decides what is
permanent: a policy of a step only decides how patient we are.
"""

from dataclasses import dataclass

NOTHING = "Nothing to do: the source is at fault."
SUPERSEDED = "superseded"  # inside Temporal only: a run that lost its row


@dataclass(frozen=True)
class Row:
    """One way to fail. `retryable`: the same request may succeed later, unchanged."""

    code: str
    status: int
    retryable: bool
    title: str
    caller: str
    operator: str = NOTHING


class Refused(Exception):  # noqa: N818 - it is a decision, not an accident
    """We say no, and no retry inside a step cures it. `detail` is a sentence for the caller: no path, no trace.

    `retry_after`: seconds after which the caller may ask again.
    """

    def __init__(self, code: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


_SOURCE = (
    Row("empty_file", 422, False, "The file is empty", "Check the export and upload it again."),
    Row(
        "file_too_large",
        413,
        False,
        "The file is too large",
        "Upload a smaller file.",
        "Raise SHAPR_MAX_UPLOAD_BYTES if the disk allows.",
    ),
    Row(
        "unsupported_format",
        415,
        False,
        "The format is not supported",
        "Use a format of GET /v1/formats; the file name's extension decides.",
    ),
    Row(
        "unsupported_pair",
        422,
        False,
        "This format cannot be converted to that one",
        "See the pairs in GET /v1/formats.",
    ),
    Row(
        "format_mismatch",
        422,
        False,
        "The content is not what the extension says",
        "Give the file its right extension.",
    ),
    Row(
        "corrupt_file",
        422,
        False,
        "The file is damaged",
        "Export it again; it is cut short or breaks its format's rules.",
    ),
    Row("unsafe_archive", 422, False, "The archive is unsafe", "Pack it again without absolute paths, `..` or links."),
    Row("decompression_bomb", 422, False, "The file expands too far", "Upload the model without the repetition."),
    Row("xml_forbidden", 422, False, "The XML uses a forbidden construct", "Remove the DTD and entities."),
    Row(
        "external_reference", 422, False, "The file refers to other files", "Put everything in one file, or in one ZIP."
    ),
    Row(
        "limit_exceeded",
        422,
        False,
        "The model is beyond a limit",
        "Simplify the model; the detail names the limit.",
        "The limits are settings.",
    ),
    Row("invalid_geometry", 422, False, "The geometry is not valid", "Repair the model, or try `heal`."),
    Row("no_geometry", 422, False, "There is no geometry to convert", "Check that the export contains bodies."),
    Row("unsupported_geometry", 422, False, "Some geometry cannot be converted", "The detail names the bodies."),
    Row(
        "checksum_mismatch",
        422,
        False,
        "The bytes are not the ones announced",
        "Upload it again.",
        "If it repeats, look at the object store.",
    ),
    Row("source_missing", 422, False, "The source never arrived", "Create the conversion again and upload the file."),
    Row(
        "source_unreachable",
        422,
        False,
        "The source URL cannot be fetched",
        "Check that the URL answers without a login.",
    ),
    Row(
        "forbidden_address",
        422,
        False,
        "The address is not public",
        "Use a public address.",
        "SHAPR_ALLOW_ADDRESSES admits private networks.",
    ),
)
_CONVERTER = (
    Row(
        "conversion_timeout",
        422,
        False,
        "The conversion took too long",
        "Simplify the model, or ask for a coarser quality.",
        "SHAPR_CONVERTER_TIMEOUT and SHAPR_CONVERTER_CPU are the limits.",
    ),
    Row(
        "out_of_memory",
        422,
        False,
        "The conversion needs too much memory",
        "Simplify the model, or ask for a coarser quality.",
        "SHAPR_CONVERTER_MEMORY is the limit.",
    ),
    Row(
        "converter_crashed",
        422,
        False,
        "The converter crashed on this file",
        "Export it again, if you can in another format.",
        "Keep the source: it is a bug in the kernel or in ours.",
    ),
    Row(
        "converter_unavailable",
        503,
        True,
        "The converter is not available",
        "Try again later.",
        "See the worker's log: it could not start a converter.",
    ),
)
_REQUEST = (
    Row("malformed_request", 400, False, "The request cannot be read", "Check its syntax."),
    Row("invalid_request", 422, False, "The request is not valid", "The detail names the field."),
    Row("invalid_options", 422, False, "The options are not valid", "See the option schemas in GET /v1/formats."),
    Row("unsupported_media_type", 415, False, "This content type is not accepted here", "Send multipart/form-data."),
    Row("method_not_allowed", 405, False, "The method is not allowed here", "The Allow header lists the methods."),
    Row("request_timeout", 408, True, "The request stood still for too long", "Send it again."),
    Row("range_not_satisfiable", 416, False, "The range lies outside the file", "Ask for a range inside the size."),
    Row("unauthorized", 401, False, "A key is needed", "Send Authorization: Bearer with a valid key."),
    Row(
        "forbidden",
        403,
        False,
        "This is not allowed",
        "Use a key with the right scope; a browser must be on an allowed host.",
        "SHAPR_ALLOWED_HOSTS lists the host names.",
    ),
    Row("not_found", 404, False, "There is no such thing", "Check the address and the id."),
    Row("conflict", 409, False, "It cannot be done in this state", "Get the conversion and look at its state."),
    Row("gone", 410, False, "It was deleted", "Create it again."),
    Row("idempotency_mismatch", 422, False, "The key was used for another request", "Use a new Idempotency-Key."),
    Row(
        "idempotency_in_flight",
        409,
        True,
        "The first request with this key is still running",
        "Try again after Retry-After.",
    ),
    Row("rate_limited", 429, True, "Too many requests", "Try again after Retry-After."),
    Row(
        "quota_exceeded", 429, True, "The quota is used up", "Wait for running conversions, or ask for a larger quota."
    ),
)
_SERVICE = (
    Row(
        "overloaded",
        503,
        True,
        "The service is busy",
        "Try again after Retry-After.",
        "Add compress workers, or turn `read-only` off: docs/operations.md.",
    ),
    Row(
        "storage_unavailable",
        503,
        True,
        "A storage service does not answer",
        "Try again later; an accepted conversion goes on by itself.",
        "Bring PostgreSQL and the object store back, then resume what is stalled.",
    ),
    Row("storage_full", 507, True, "The storage is full", "Try again later.", "Free or add disk space."),
    Row(
        "abandoned",
        500,
        False,
        "The conversion was given up",
        "Create it again.",
        "It was stalled for 7 days, or an operator gave it up.",
    ),
    Row(
        "internal",
        500,
        True,
        "Something went wrong on our side",
        "Try again later.",
        "The log has the trace, by conversion id.",
    ),
)

TABLE: dict[str, Row] = {row.code: row for row in (*_SOURCE, *_CONVERTER, *_REQUEST, *_SERVICE)}


class Unavailable(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A dependency does not answer, or is full: retrying later helps. Adapters raise it for their drivers' errors."""

    def __init__(self, detail: str, code: str = "storage_unavailable") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
