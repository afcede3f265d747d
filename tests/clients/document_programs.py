"""Runs the Python programs of the documents that LlamaGate keeps to, as they are printed: only
address and key are changed."""

import subprocess
import sys

import examples


def said(system, url, keys, *titles, before="", then=""):
    """What a program prints. Several are one program, one after the other; `before` and `then` are
    lines of ours, where it needs something or keeps its answer to itself."""
    programs = [examples.read(system)[title].at(url) for title in titles]
    code = "\n".join([before, *programs, then])
    for shown, ours in keys.items():
        code = code.replace(shown, ours)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
