"""`make lessons`: what JupyterLab makes of its command line."""

import re
import shlex

from jupyter_server.serverapp import ServerApp

from malaria import PROJECT


def test_the_modules_can_be_opened_beside_the_lessons(monkeypatch):
    """JupyterLab shows what is below its root, by default the folder of the file to be opened."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    arguments = shlex.split(re.search(r"\$\(BIN\)/jupyter lab (.+)", makefile)[1])
    monkeypatch.chdir(PROJECT)
    server = ServerApp()
    server.parse_command_line(arguments)
    assert server.root_dir == str(PROJECT)
    assert server.file_to_run == str(PROJECT / "lessons" / "0_tensors.ipynb")
    assert server._resolve_file_to_run_and_root_dir() == "lessons/0_tensors.ipynb"
