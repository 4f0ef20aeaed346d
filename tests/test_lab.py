"""`make lab`: the port, the display, the browser, and a Jupyter kept apart from the user's own."""

import importlib
import json
import os
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from estimator.lesson.wide import SCROLLS
from tools import lab
from tools.set_up import CannotError


def test_port_in_use_is_told_or_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((lab.HOST, 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(CannotError, match=f"Port {taken} is in use .* name another"):
            lab.choose_port(str(taken))
        monkeypatch.setattr(lab, "FIRST_PORT", taken)
        assert lab.choose_port("") > taken
        monkeypatch.setattr(lab, "PORTS_TRIED", 1)
        with pytest.raises(CannotError, match=f"Ports {taken} to {taken} are all in use"):
            lab.choose_port("")
    assert lab.choose_port(str(taken)) == taken


@pytest.mark.parametrize("asked", ["no", "-1", "0", "65536", "8888.0", "²"])
def test_port_that_is_none_is_told(asked: str) -> None:
    with pytest.raises(CannotError, match=re.escape(f"PORT={asked} is not a port: name a number")):
        lab.choose_port(asked)


def test_display_is_needed_on_linux_alone() -> None:
    assert not lab.has_display({"DISPLAY": ""}, "linux")
    assert lab.has_display({"DISPLAY": ":0"}, "linux")
    assert lab.has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert lab.has_display({}, "darwin")


def test_text_browser_gets_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saw, text_browser = tmp_path / "saw", tmp_path / "lynx"
    text_browser.write_text(
        f'#!/bin/sh\n(: </dev/tty) 2>/dev/null && tty=yes\necho "$1 [$TERM$tty]" >{saw}.half\n'
        f"mv {saw}.half {saw}\n"
    )
    text_browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(text_browser))
    monkeypatch.setenv("TERM", "xterm")
    lab.open_browser("http://address")
    assert saw.read_text() == "http://address []\n"


@pytest.mark.parametrize("display", [True, False])
def test_address_is_one_line_and_comes_when_the_server_answers(
    display: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    opened: list[str] = []
    monkeypatch.setattr(lab, "open_browser", opened.append)
    with socket.create_server((lab.HOST, 0)) as probe:
        port = probe.getsockname()[1]
    waiting = threading.Thread(target=lab.announce, args=(port, "abc", display))
    waiting.start()
    time.sleep(0.15)
    assert capsys.readouterr().out == ""
    with HTTPServer((lab.HOST, port), Server) as server:
        server.handle_request()
        waiting.join()
    address = f"http://127.0.0.1:{port}/lab/tree/00-start-here.ipynb?token=abc"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert f" {address} " in said
    assert opened == [address] * display


def test_keys_in_a_control_or_in_a_box_that_scrolls_are_theirs(tmp_path: Path) -> None:
    schema = tmp_path / "share/jupyter/lab/schemas/@jupyterlab/notebook-extension/tracker.json"
    schema.parent.mkdir(parents=True)
    cut = {"command": "notebook:cut-cell", "keys": ["X"], "selector": ".jp-mod-commandMode :focus"}
    run = {"command": "notebook:run", "keys": ["Shift Enter"], "selector": ".jp-mod-commandMode"}
    schema.write_text(json.dumps({"jupyter.lab.shortcuts": [cut, run]}))
    menu = schema.parents[1] / "mainmenu-extension/plugin.json"
    menu.parent.mkdir()
    restart = {
        "command": "kernelmenu:restart", "keys": ["0", "0"],
        "selector": "[data-jp-kernel-user] :focus:not(:read-write)",
    }  # fmt: skip
    menu.write_text(json.dumps({"jupyter.lab.shortcuts": [restart]}))
    lab.choose_settings(tmp_path)
    overrides = json.loads((tmp_path / "share/jupyter/lab/settings/overrides.json").read_text())
    on_none = f':not(select):not(.noUi-handle):not([style*="{SCROLLS}"])'
    assert overrides[lab.SHORTCUTS_PLUGIN]["shortcuts"] == [
        {**cut, "disabled": True},
        {**cut, "selector": f".jp-mod-commandMode :focus{on_none}"},
        {**restart, "disabled": True},
        {**restart, "selector": f"{restart['selector']}{on_none}"},
    ]


def test_news_is_off_and_the_users_own_jupyter_is_kept_out(tmp_path: Path) -> None:
    for _ in range(2):
        lab.choose_settings(tmp_path)
    overrides = json.loads((tmp_path / "share/jupyter/lab/settings/overrides.json").read_text())
    assert overrides[lab.NEWS_PLUGIN] == {"fetchNews": "false", "checkForUpdates": False}
    settings = lab.jupyter_settings(tmp_path, tmp_path / "own")
    assert settings["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert (tmp_path / "share/jupyter/runtime").stat().st_mode & 0o777 == 0o700
    for folder in ("CONFIG", "DATA", "RUNTIME"):
        assert settings[f"JUPYTER_{folder}_DIR"].startswith(str(tmp_path))


@pytest.mark.parametrize(("user", "root"), [(0, True), (1000, False)])
def test_server_is_on_loopback_and_root_is_allowed_to_root_alone(
    user: int, root: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    arguments = lab.server_arguments(Path("my-course"), 8888)
    assert "--ServerApp.ip=127.0.0.1" in arguments
    assert ("--allow-root" in arguments) is root


def test_kernel_messages_are_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    (named,) = (a for a in lab.server_arguments(Path("my-course"), 8888) if "websocket" in a)
    module, _, name = named.partition("=")[2].rpartition(".")
    prompt = getattr(importlib.import_module(module), name)
    said: list[bool] = []
    line = prompt.__new__(prompt)
    handler = SimpleNamespace(set_nodelay=said.append)
    monkeypatch.setattr(prompt, "websocket_handler", handler)
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda _: said.append(False))
    line.connect()
    assert said == [True, False]
