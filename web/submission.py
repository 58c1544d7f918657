"""What a caller asks for when creating a conversion: the fields of the form, checked, and the conversion they mean."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, ValidationError

from shapr.conversion import Conversion, Options, Output, Source, State
from shapr.converters import formats
from shapr.converters.formats import Sources
from shapr.errors import Refused
from web.problems import sentences

YEAR = 366 * 24 * 3600


def _printable(label: str) -> str:
    if not label.isprintable():
        raise ValueError("only printable characters")
    return label


Batch = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class Submission(BaseModel):
    """The fields of a create request, beside the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outputs: Annotated[tuple[str, ...], Field(min_length=1, max_length=20, description="Formats to convert to.")]
    options: Options = Field(Options(), description="As in GET /v1/formats.")
    webhook_url: AnyHttpUrl | None = Field(None, description="Not available in this version: refused.")
    priority: int = Field(3, ge=3, le=5, description="3 is the most urgent a caller may ask for.")
    reuse: bool = Field(True, description="May the stored outputs of an equal conversion be given?")
    preview: bool = Field(False, description="Make a thumbnail (PNG) and a model for web pages (GLB), too.")
    expires_in: int | None = Field(None, ge=1, le=YEAR, description="Seconds after which it may be deleted.")
    batch: Batch | None = Field(None, description="A label to find conversions by.")

    def conversion(self, id: str, tenant: str, source: Source, sources: Sources) -> Conversion:
        """The conversion this means for a source; Refused if the pair or the options make no sense.

        `sources` says who reads what here.
        """
        now = datetime.now(UTC)
        return Conversion(
            id=id,
            tenant=tenant,
            state=State.QUEUED,
            created_at=now,
            expires_at=now + timedelta(seconds=self.expires_in) if self.expires_in else None,
            batch=self.batch,
            priority=self.priority,
            reuse=self.reuse,
            preview=self.preview,
            source=source,
            outputs=self.outputs_of(source.format, sources),
        )

    def fingerprint(self, source: Source) -> str:
        """The same for two requests that mean the same: parsed fields and the file, not boundaries or their order."""
        fields = self.model_dump(mode="json", exclude={"outputs", "options"})
        asked = {"outputs": [formats.output_format(output) for output in self.outputs], "options": self.options.given()}
        meant = {**fields, **asked, "source": source.model_dump(mode="json")}
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()

    def outputs_of(self, source: str, sources: Sources) -> tuple[Output, ...]:
        """The outputs, each one possible for this source format and none twice, with their effective options."""
        names = tuple(formats.output_format(output) for output in self.outputs)
        for name in names:
            if name not in formats.pairs(sources)[source]:
                raise Refused("unsupported_pair", f"{source} is not converted to {name}")
            if names.count(name) > 1:
                raise Refused("invalid_request", f"outputs: {name} is asked for twice")
        options = formats.effective(source, names, self.options, sources)
        return tuple(Output(format=name, options=options[name]) for name in names)


FIELDS = tuple(Submission.model_fields)


def of_form(fields: dict[str, list[str]]) -> Submission:
    """Read the fields of a form; `invalid_request` or `invalid_options` if they make no sense, or promise too much.

    An empty field is one that was left blank in an HTML form: not given.
    """
    for name, values in fields.items():
        if len(values) > 1 and name != "outputs":
            raise Refused("invalid_request", f"{name} is given {len(values)} times")
    given: dict[str, Any] = {name: values[0] for name, values in fields.items() if values[0]}
    outputs = [item.strip() for value in fields.get("outputs", []) for item in value.split(",")]
    given["outputs"] = tuple(item for item in outputs if item)
    if "options" in given:
        given["options"] = _options(given["options"])
    try:
        submission = Submission.model_validate(given)
    except ValidationError as error:
        raise Refused("invalid_request", sentences(error.errors())) from error
    if submission.webhook_url is not None:
        raise Refused("invalid_request", "webhook_url: webhooks are not available in this version; use ?wait= instead")
    return submission


def _options(text: str) -> Options:
    try:
        return Options.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise Refused("invalid_options", sentences(error.errors())) from error
