"""The explorer's own tests, run by node's test runner; its modules keep their size."""

import shutil
import subprocess
from pathlib import Path

import pytest

from paradoxlib import paths

TESTS = Path(__file__).with_name("pairs.test.js")


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node to run the module's tests")
def test_the_module_s_own_tests_pass():
    run = subprocess.run(["node", "--test", TESTS], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", sorted((paths.PACKAGE / "explorer").glob("*.js")))
def test_a_module_has_at_most_600_lines_of_100_characters(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 600
    assert [line for line in lines if len(line) > 100] == []
