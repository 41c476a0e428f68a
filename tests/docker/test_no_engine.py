"""Three things can be wrong with an engine, and each has its own message. Needs no engine."""

import socket
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer

import pytest

from harness.engine.docker.client import connect, find_image
from harness.errors import PrerequisiteError


def problem_of(**environment):
    with pytest.raises(PrerequisiteError) as caught:
        connect({"HOME": "/nonexistent", **environment})
    assert "bubblewrap" in caught.value.fix
    return caught.value


def test_no_socket_anywhere(monkeypatch):
    monkeypatch.setattr(
        "harness.engine.docker.addresses._SYSTEM_SOCKETS", ("/nonexistent/a", "/nonexistent/b")
    )
    error = problem_of()
    assert "There is no Docker engine" in error.problem
    assert "/nonexistent/a" in error.problem
    assert "Install" in error.fix


def test_docker_host_to_nowhere(tmp_path):
    error = problem_of(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert "does not answer" in error.problem
    assert "DOCKER_HOST" in error.problem


def test_a_socket_that_nobody_listens_on(tmp_path):
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    error = problem_of(DOCKER_HOST=f"unix://{path}")
    assert "does not answer" in error.problem
    assert "systemctl start docker" in error.fix


@pytest.mark.ordinary_user
def test_a_socket_that_is_not_for_us(tmp_path):
    path = tmp_path / "shut.sock"
    with socket.socket(socket.AF_UNIX) as shut:
        shut.bind(str(path))
        shut.listen()
        path.chmod(0)
        error = problem_of(DOCKER_HOST=f"unix://{path}")
    assert "may not talk" in error.problem
    assert "docker group" in error.fix or "group" in error.fix


def test_a_context_that_is_not_defined(tmp_path):
    error = problem_of(DOCKER_CONTEXT="nowhere", DOCKER_CONFIG=str(tmp_path))
    assert "nowhere" in error.problem


def test_an_address_that_makes_no_sense():
    error = problem_of(DOCKER_HOST="nonsense://here")
    assert "nonsense" in error.problem


class Server(ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def serve(tmp_path):
    """An engine that answers with the given body, and 404 for everything but the version."""
    servers = []

    def serve(body, status=200):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path.endswith("/version")
                answer = body if found else b'{"message": "No such image: x"}'
                self.send_response(status if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                return

        path = tmp_path / f"engine-{len(servers)}.sock"
        server = Server(str(path), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return {"DOCKER_HOST": f"unix://{path}"}

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_too_old(serve):
    error = problem_of(**serve(b'{"Version": "19.03.15", "ApiVersion": "1.40"}'))
    assert "too old" in error.problem
    assert "19.03.15" in error.problem
    assert "20.10" in error.fix


@pytest.mark.parametrize("body", [b"not json", b"{}", b"[]"])
def test_something_else_listens_there(serve, body):
    error = problem_of(**serve(body))
    assert "does not answer" in error.problem


def test_an_engine_in_trouble(serve):
    error = problem_of(**serve(b'{"message": "bad day"}', status=500))
    assert "does not answer" in error.problem


def test_new_enough_and_without_the_image(serve):
    connection = connect(serve(b'{"Version": "28.0.0", "ApiVersion": "1.48"}'))
    assert connection.version == "28.0.0"
    with pytest.raises(PrerequisiteError) as caught:
        find_image(connection, "x")
    assert "never pulls" in caught.value.problem
    connection.api.close()
