# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /proc tells of processes: children, names, descriptors, and whether one has ended."""
import os
import pathlib
import signal
import time


LONGEST_PAUSE = 0.02


def until(seconds, is_it, pause=0.004):
    """What is_it() answers, as soon as that is true; its last answer after so many seconds. Looks less often the longer
    it takes: who waits must not slow down what he waits for."""
    end = time.monotonic() + seconds
    while True:
        answer = is_it()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.3, max(pause, LONGEST_PAUSE))


def _text(path):
    try:
        return pathlib.Path(path).read_bytes().decode(errors="replace")
    except OSError:
        return ""


def state(pid):
    """The letter of /proc/PID/stat; empty: there is no such process."""
    text = _text(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[0] if text else ""


def is_alive(pid):
    return state(pid) not in ("", "Z", "X")


def parent(pid):
    text = _text(f"/proc/{pid}/stat")
    return int(text.rpartition(")")[2].split()[1]) if text else 0


def arguments(pid):
    return _text(f"/proc/{pid}/cmdline").split("\0")[:-1]


def has_setting(pid, setting):
    """Whether its environment has NAME=VALUE; of a process that has just been made nothing is known yet: True."""
    text = _text(f"/proc/{pid}/environ")
    return not text or setting in text.split("\0")


def name(pid):
    return os.path.basename((arguments(pid) or [""])[0])


def children(pid):
    return [int(child) for child in _text(f"/proc/{pid}/task/{pid}/children").split()]


def descriptors(pid):
    """What the descriptors of PID are, without the numbers of sockets and pipes."""
    found = []
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{entry}").partition(":[")[0])
    except OSError:
        pass
    return sorted(found)


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def stop(pid):
    """Stops it; true if it is alive and stands still."""
    if not send(pid, signal.SIGSTOP):
        return False
    return until(2, lambda: state(pid) in ("T", "", "Z", "X"), 0.0005) and state(pid) == "T"


def kill(pid):
    send(pid, signal.SIGKILL)
