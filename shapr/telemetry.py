"""Logs: one JSON object a line, so that no user's text can forge one."""

import logging
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import structlog

from shapr.settings import Settings

CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "asyncio", "httpx", "httpcore")
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


def configure(settings: Settings) -> None:
    """Send every log line of this process to stderr as JSON, from `SHAPR_LOG_LEVEL` on.

    structlog's, the standard library's, uvicorn's, warnings, and the exception that ends the process.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        foreign_pre_chain=shared,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in UVICORN:  # it has given them handlers of its own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(True)
    sys.excepthook = _last_words
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def about(conversion_id: str, tenant: str, **more: Any) -> AbstractContextManager[Any]:
    """Every line logged inside the block, by whomever, says which conversion it concerns, and whose."""
    return structlog.contextvars.bound_contextvars(conversion_id=conversion_id, tenant=tenant, **more)


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("shapr").critical("uncaught exception", exc_info=(kind, error, trace))
