#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Times that xenstore's own programs are too slow to take.

store.py ack PATH COUNT: a request in the shorthand at PATH that is refused, from the write to its acknowledgement;
beside it a bare watch round trip: a write to the same xenstored until the event about it is there.
store.py quiesce TREE COUNT: freezes and thaws the guest below TREE with nothing between, as docs/protocol.md says.
Prints a line "A B" or "A" of milliseconds for each.
"""
import collections
import os
import socket
import struct
import sys
import time

READ, WATCH, WRITE, EVENT, ERROR = 2, 4, 11, 15, 16


class Store:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect("/var/run/xenstored/socket")
        self.file = self.socket.makefile("rb")
        self.events = collections.deque()

    def receive(self):
        kind, _, _, size = struct.unpack("=4I", self.file.read(16))
        return kind, self.file.read(size)

    def ask(self, kind, *parts):
        body = b"\0".join(parts)
        self.socket.sendall(struct.pack("=4I", kind, 1, 0, len(body)) + body)
        while True:
            kind, body = self.receive()
            if kind != EVENT:
                assert kind != ERROR, body
                return body
            self.events.append(body.split(b"\0")[0])

    def write(self, path, text):
        self.ask(WRITE, path.encode(), text.encode())

    def read(self, path):
        return self.ask(READ, path.encode(), b"").decode()

    def watch(self, path):
        self.ask(WATCH, path.encode(), b"t", b"")
        self.wait(path)  # the first says only that it is set

    def wait(self, path):
        while True:
            while self.events:
                if self.events.popleft() == path.encode():
                    return
            kind, body = self.receive()
            if kind == EVENT:
                self.events.append(body.split(b"\0")[0])

    def wait_for(self, path, is_it):
        while not is_it(self.read(path)):
            self.wait(path)


def ms_since(begin):
    return (time.monotonic() - begin) * 1000


def ack(store, path, count):
    bare = "/tool/bench-watch"
    store.write(bare, "")
    store.watch(bare)
    store.watch(path)
    for n in range(count):
        begin = time.monotonic()
        store.write(path, f"delete id=ack-{os.getpid()}-{n} name=nosuch")
        store.wait_for(path, lambda text: not text)
        taken = ms_since(begin)
        begin = time.monotonic()
        store.write(bare, "x")
        store.wait(bare)
        print(f"{taken:.3f} {ms_since(begin):.3f}")
        time.sleep(0.5)  # the agent looks at a node 20 times a second at most; this is not about that


def quiesce(store, tree, count):
    action, status = tree + "/quiesce/action", tree + "/quiesce/status"
    store.watch(status)
    for n in range(count):
        token = f"bench-{os.getpid()}-{n}"
        store.write(status, "")
        store.write(action, f"freeze {token} 30")
        store.wait_for(status, lambda text: text.startswith("frozen " + token))
        begin = time.monotonic()
        store.write(action, "thaw " + token)
        store.wait_for(status, lambda text: text == "thawed " + token)
        print(f"{ms_since(begin):.0f}")
        time.sleep(1)


{"ack": ack, "quiesce": quiesce}[sys.argv[1]](Store(), sys.argv[2], int(sys.argv[3]))
