"""Where an engine is looked for."""

import hashlib
import json

import pytest

from harness.engine.docker.addresses import addresses


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".docker").mkdir()
    return tmp_path


def write_context(home, name, endpoint, *, current=True):
    folder = home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": endpoint}))
    if current:
        (home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_is_the_only_place(home):
    write_context(home, "desktop", {"docker": {"Host": "unix:///x.sock"}})
    (address,) = addresses({"HOME": str(home), "DOCKER_HOST": "unix:///there.sock"})
    assert address.url == "unix:///there.sock"
    assert address.origin == "DOCKER_HOST"
    assert address.named
    assert address.tls is None


def test_docker_host_with_tls(home):
    environment = {
        "HOME": str(home),
        "DOCKER_HOST": "tcp://machine:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certificates",
    }
    (address,) = addresses(environment)
    assert str(address.tls) == "/certificates"
    assert address.socket is None


def test_the_current_context(home):
    write_context(home, "desktop", {"docker": {"Host": "unix:///desktop.sock"}})
    (address,) = addresses({"HOME": str(home)})
    assert address.url == "unix:///desktop.sock"
    assert "desktop" in address.origin


def test_docker_context_wins_over_the_current_one(home):
    write_context(home, "desktop", {"docker": {"Host": "unix:///desktop.sock"}})
    write_context(home, "other", {"docker": {"Host": "unix:///other.sock"}}, current=False)
    (address,) = addresses({"HOME": str(home), "DOCKER_CONTEXT": "other"})
    assert address.url == "unix:///other.sock"


@pytest.mark.parametrize("endpoints", [{}, {"docker": "text"}, "text"])
def test_a_context_without_an_engine_has_no_address(home, endpoints):
    write_context(home, "broken", endpoints)
    (address,) = addresses({"HOME": str(home)})
    assert address.url == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"currentContext": 3}', "\xff"])
def test_settings_that_cannot_be_read_count_as_none(home, text):
    (home / ".docker/config.json").write_text(text, encoding="latin-1")
    assert len(addresses({"HOME": str(home)})) > 1


def test_usual_places_in_order(home):
    urls = [each.url for each in addresses({"HOME": str(home), "XDG_RUNTIME_DIR": "/run/user/7"})]
    assert urls == [
        "unix:///var/run/docker.sock",
        "unix:///run/user/7/docker.sock",
        f"unix://{home}/.docker/run/docker.sock",
        "unix:///run/user/7/podman/podman.sock",
        "unix:///run/podman/podman.sock",
    ]


def test_the_default_context_is_the_usual_places(home):
    assert len(addresses({"HOME": str(home), "DOCKER_CONTEXT": "default"})) > 1
