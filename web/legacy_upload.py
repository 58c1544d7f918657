"""The seed's upload: a form whose `txid`, the conversion that the file is for, may come after the file.

So the file goes to a place of its own in the bucket first, under an id that no conversion has: what a crash leaves
there, the sweep finds. Then the row is taken from `awaiting_source` to `queued`, which one of several uploads
succeeds in, and that one's file is copied to where the conversion's source belongs.
"""

import asyncio
import re
from contextlib import suppress

import structlog
from fastapi import Request

from shapr import conversion as words
from shapr import keys
from shapr.conversion import Conversion, Error, Source, State
from shapr.errors import Refused, Unavailable
from web.actions import started
from web.intake import FORM_BYTES, Arrival, Body, Reader, announced, form_boundary, too_large
from web.multipart import Form, Part, clean_name
from web.parts import Incoming, Parts
from web.problems import Gone
from web.submission import Submission

LEFT_OVER = 16 << 20  # bytes of a refused request that are read and thrown away
PATIENCE = 2.0  # seconds that they may take

log = structlog.get_logger()


def url_safe(sent: str) -> str:
    """A file name that the client can put into an address as it is: it does not encode."""
    return clean_name(re.sub(r"[#?%/\\\x00-\x1f\x7f-\x9f]", "_", sent)) or "_"


class Delivery(Reader):
    """The form. What is wrong with its file is noted and the rest is read: the conversion may be named there."""

    def __init__(self, request: Request, incoming: Incoming, parts: Parts) -> None:
        super().__init__(parts.settings)
        self.header = request.headers.get("txid")
        self.announced = announced(request)
        self.incoming = incoming
        self.name = ""
        self.arrival: Arrival | None = None
        self.refusal: Refused | None = None

    @property
    def txid(self) -> str:
        return self.header or "".join(self.fields.get("txid", [])[:1])

    async def read(self, body: Body, form: Form) -> None:
        try:
            await super().read(body, form)
        except Refused as refusal:
            if refusal.code != "file_too_large" or not self.txid:
                raise
            self.refusal = refusal  # cut off, but it is known which conversion that ends
        if not self.txid:
            raise Refused("invalid_request", "txid: it is missing")
        if not self.name:
            raise Refused("invalid_request", "file: it is missing")

    def begin_field(self, part: Part) -> None:
        if part.file_name is not None:
            raise Refused("invalid_request", f"{part.name[:50]!r} is a file; the file is called 'file'")

    def begin_file(self, part: Part) -> None:
        if self.name:
            raise Refused("invalid_request", "file: one file per conversion")
        if not part.file_name:
            raise Refused("invalid_request", "file: a file with a name is needed")
        self.name = url_safe(part.file_name)
        if self.announced > self.settings.max_upload_bytes + FORM_BYTES:
            raise too_large(self.settings)
        try:
            self.arrival = Arrival(self.name, self.incoming, self.settings)
        except Refused as refusal:
            self.refusal = refusal

    async def file(self, data: bytes) -> None:
        if self.arrival and not self.refusal:
            try:
                await self.arrival.take(data)
            except Refused as refusal:
                self.refusal = refusal

    def end_file(self) -> None:
        if self.arrival and not self.refusal:
            try:
                self.arrival.end()
            except Refused as refusal:
                self.refusal = refusal

    def queued(self, conversion: Conversion) -> Conversion:
        """The conversion with this file as its source; Refused if the file is no good, or not for that output."""
        if self.refusal or self.arrival is None:
            raise self.refusal or Refused("internal", "no reason")
        source = self.arrival.source()
        asked = Submission(outputs=tuple(output.format for output in conversion.outputs))
        return conversion.model_copy(
            update={
                "state": State.QUEUED,
                "source": source,
                "outputs": asked.outputs_of(source.format, self.arrival.sources),
            }
        )

    def refused(self) -> Source:
        """What is kept of a file that is not."""
        return Source(name=self.name, format=self.arrival.format if self.arrival else "")


async def taken(our: Parts, tenant: str, request: Request) -> Conversion:
    """The conversion that an upload is for: queued, or failed because of the file."""
    body = Body(request, our.settings)
    try:
        async with our.admission.place():
            return await received(our, tenant, request, body)
    finally:
        await drained(body)


async def drained(body: Body) -> None:
    """Take the rest of a request, within reason: a client that still sends may miss the answer otherwise."""
    left = LEFT_OVER
    with suppress(Refused, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while body.more and left > 0:
                left -= len(await body.piece())


async def made_here(our: Parts, tenant: str, id: str) -> Conversion:
    """A conversion made through this API; `not_found` for any other one, and for what was deleted."""
    with suppress(Gone):
        found = await our.conversion(tenant, id)
        if found.legacy:
            return found
    raise Refused("not_found", "there is no such conversion")


async def awaiting(our: Parts, tenant: str, txid: str) -> Conversion:
    found = await made_here(our, tenant, txid)
    if found.state is not State.AWAITING_SOURCE:
        raise Refused("conflict", f"it is {found.state}: a conversion has one file, and takes no other")
    return found


async def received(our: Parts, tenant: str, request: Request, body: Body) -> Conversion:
    form = Form(form_boundary(request))
    if header := request.headers.get("txid"):
        await awaiting(our, tenant, header)  # else nothing needs to be stored
    aside, conversion = words.new_id(), None
    try:
        async with our.bucket.receive(keys.source(tenant, aside)) as incoming:
            delivery = Delivery(request, incoming, our)
            await delivery.read(body, form)
            conversion = await awaiting(our, tenant, delivery.txid)
            queued = delivery.queued(conversion)
    except Refused as refusal:
        if conversion is None:
            raise
        return await failed(our, conversion, delivery.refused(), refusal)
    try:
        await placed(our, queued, aside)
    finally:
        with suppress(Unavailable):  # the sweep does it, later
            await our.bucket.delete_prefix(keys.prefix(tenant, aside))
    await our.progress.announce(queued.id)
    await started(our, queued)
    return queued


async def failed(our: Parts, conversion: Conversion, source: Source, refusal: Refused) -> Conversion:
    """What it is once its file was refused."""
    if not await our.transitions.refuse(conversion.id, source, Error(code=refusal.code, detail=refusal.detail)):
        raise late()
    await our.progress.announce(conversion.id)
    return await made_here(our, conversion.tenant, conversion.id)


async def placed(our: Parts, queued: Conversion, aside: str) -> None:
    """The row says that its source is here, and it is; or neither. `conflict` if another upload was faster."""
    if not await supplied(our, queued):
        raise late()
    try:
        await our.bucket.copy(keys.source(queued.tenant, aside), keys.source(queued.tenant, queued.id))
    except BaseException as error:
        await asyncio.shield(withdrawn(our, queued))
        if isinstance(error, LookupError):
            raise Unavailable("s3: an upload that was just stored is not there") from error
        raise


async def supplied(our: Parts, queued: Conversion) -> bool:
    try:
        return await our.transitions.supply(queued)
    except Unavailable:
        # The answer was lost, perhaps not the row. Whose upload it was does not matter if the bytes are the same.
        now = await our.rows.get(queued.tenant, queued.id)
        if now is None or now.state is not State.QUEUED or now.source != queued.source:
            raise
        return True


async def withdrawn(our: Parts, queued: Conversion) -> None:
    """The row waits for its file again: first the rest of the file goes, while no other upload can be in its place."""
    with suppress(Unavailable):
        await our.bucket.delete_prefix(keys.prefix(queued.tenant, queued.id))
    try:
        done = await our.transitions.withdraw(queued.tenant, queued.id)
    except Unavailable:
        done = False
    if not done:  # its workflow will find no source, and say so in the row
        log.error("upload_not_withdrawn", conversion_id=queued.id)


def late() -> Refused:
    return Refused("conflict", "another upload was faster, or it was cancelled")
