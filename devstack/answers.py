"""What a server on loopback answers: enough to know that it serves, without a driver."""

import asyncio

from devstack.ports import HOST

PATIENCE = 2.0  # seconds for a whole answer


async def ask(port: int, question: bytes, size: int, host: str = HOST) -> bytes:
    """The first `size` bytes of the answer, or all of a shorter one; empty when there is none."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(question)
                answer = b""
                while len(answer) < size and (more := await reader.read(size - len(answer))):
                    answer += more
                return answer
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


async def get(port: int, path: str, host: str = HOST, name: str = HOST) -> bytes | None:
    """The body of an HTTP answer of status 200, at most 100 kB of it; else None. `name` is what we call the host."""
    question = f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n"
    head, _, body = (await ask(port, question.encode(), 100_000, host)).partition(b"\r\n\r\n")
    return body if head.split(b"\r\n")[0].split(b" ")[1:2] == [b"200"] else None
