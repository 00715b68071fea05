"""Those who are told: a real SMTP server and an HTTP endpoint on the loopback device. They can be told to refuse."""

import email
import email.policy
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(slots=True)
class Received:
    """`subjects` and `bodies` of what was taken; while `refuses`, everything is turned away."""

    subjects: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    refuses: bool = False
    url: str = ""


@contextmanager
def mailbox() -> Iterator[Received]:
    received = Received()

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
            if received.refuses:
                return "451 not now"
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            received.subjects.append(str(message["Subject"]))
            body = message.get_body(("plain", "html"))
            received.bodies.append("" if body is None else body.get_content())
            return "250 taken"

    controller = Controller(Handler(), hostname="127.0.0.1", port=_free_port())
    controller.start()
    received.url = f"mailto://127.0.0.1:{controller.port}?from=watch@example.org&to=team@example.org&mode=insecure"
    try:
        yield received
    finally:
        controller.stop()


@contextmanager
def webhook() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if not received.refuses:
                received.bodies.append(body)
            self.send_response(503 if received.refuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base's name

    server = HTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"json://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
