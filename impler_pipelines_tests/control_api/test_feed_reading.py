from __future__ import annotations

import subprocess
import sys

from impler_pipelines_tests.measured_run import ROOT

# Each feed has 250 names that no other one has, 110 KB of them.
_MANY_FEEDS = """
from impler_pipelines.control_api.feed_reading import in_a_new_thread
from impler_pipelines.extraction import read_feed
from impler_pipelines_tests.measured_run import peak_mb

def feed(number):
    names = range(250 * number, 250 * number + 250)
    return "".join(["<r>", *(f"<i><{'n' * 440}{name}/></i>" for name in names), "</r>"]).encode()

for number in range(600):
    in_a_new_thread(lambda: read_feed(feed(number)))
    if number == 30:
        before = peak_mb()
print(peak_mb() - before)
"""


def test_the_names_in_feeds_do_not_fill_the_memory() -> None:
    command = [sys.executable, "-c", _MANY_FEEDS]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert float(done.stdout) < 30  # MB; the names are 63
