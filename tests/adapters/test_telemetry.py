"""Whatever is logged is one JSON object a line."""

import json
import os
import subprocess
import sys
from typing import Any

PRELUDE = """
import asyncio, logging, warnings
import structlog
from shapr import telemetry
from shapr.settings import Settings

EVIL = 'a.step\\n{"event": "forged", "level": "info"}\\r\\n\\x1b[2J\\u2028\\ud800\\0%s %d {}'
telemetry.configure(Settings())
log = structlog.get_logger("shapr.test")
"""


def logged(program: str, **environment: str) -> list[dict[str, Any]]:
    """The lines that a program logs, each read as JSON."""
    done = subprocess.run(
        (sys.executable, "-c", PRELUDE + program), capture_output=True, env={**os.environ, **environment}, check=False
    )
    assert done.stdout == b""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_no_text_forges_a_line() -> None:
    lines = logged(
        """
log.info(EVIL)
log.warning("received", name=EVIL, **{EVIL: 1})
logging.getLogger("library").warning(EVIL)
logging.getLogger("library").warning("name %s", EVIL)
warnings.warn(EVIL)
try:
    raise ValueError(EVIL)
except ValueError:
    log.exception("failed")
    logging.getLogger("library").exception("failed")
raise RuntimeError(EVIL)
"""
    )
    assert len(lines) == 8
    assert "forged" not in [line["event"] for line in lines]
    assert lines[1]["name"].startswith("a.step\n")
    assert all("ValueError: a.step\n" in line["exception"] for line in lines[5:7])
    assert "RuntimeError: a.step\n" in lines[7]["exception"]
    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*(set(line) for line in lines))


def test_the_web_servers_own_lines_are_ours_too() -> None:
    lines = logged(
        """
import uvicorn
uvicorn.Config("web.app:create_app")  # it sets up logging of its own, before it loads the application
telemetry.configure(Settings())
logging.getLogger("uvicorn.error").warning(EVIL)
logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", EVIL, "1.1", 200)
"""
    )
    assert [line["logger"] for line in lines] == ["uvicorn.error", "uvicorn.access"]


def test_lines_say_which_conversion_they_concern_and_only_theirs() -> None:
    lines = logged(
        """
async def work(id):
    with telemetry.about(id, "acme", workflow_id=f"conversion-{id}"):
        await asyncio.sleep(0)
        log.info("ours")
        logging.getLogger("library").info("theirs")

async def main():
    await asyncio.gather(work("cnv_1"), work("cnv_2"))

asyncio.run(main())
log.info("after")
"""
    )
    about = [(line.get("conversion_id"), line.get("tenant"), line.get("workflow_id")) for line in lines]
    first, second = ("cnv_1", "acme", "conversion-cnv_1"), ("cnv_2", "acme", "conversion-cnv_2")
    assert about == [first, first, second, second, (None, None, None)]


def test_the_level_is_a_setting_and_libraries_are_quieter() -> None:
    program = "log.debug('a'); log.info('b'); log.error('c'); logging.getLogger('botocore').info('d')"
    assert [line["event"] for line in logged(program)] == ["b", "c"]
    assert [line["event"] for line in logged(program, SHAPR_LOG_LEVEL="debug")] == ["a", "b", "c"]
    assert [line["event"] for line in logged(program, SHAPR_LOG_LEVEL="error")] == ["c"]


def test_what_is_not_json_is_logged_all_the_same() -> None:
    (line,) = logged("log.info('odd', data=b'x', error=ValueError('y'), number=10**30)")
    assert (line["data"], line["error"]) == ("b'x'", "ValueError('y')")
