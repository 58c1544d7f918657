"""The Khronos validator, installed once where there is npm."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / ".cache" / "gltf-validator"
VALIDATOR = "gltf-validator@2.0.0-dev.3.10"


def validated(files: list[Path]) -> list[dict[str, Any]]:
    """What it says of each GLB file."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    if not (TOOLS / "node_modules" / "gltf-validator").is_dir():
        command = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(TOOLS), VALIDATOR)
        made = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if made.returncode:
            pytest.skip(f"the validator cannot be installed here: {made.stderr[-200:]}")
    script = str(Path(__file__).with_name("gltf_validate.mjs"))
    told = subprocess.run(
        ("node", script, str(TOOLS), *map(str, files)), capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in told.stdout.splitlines()]
