# SPDX-License-Identifier: LGPL-2.1-or-later
"""Says where a worker relies on what a power cut could take back, from the order of its calls alone.

A SIGKILL leaves the page cache, so that a missing fsync shows nowhere but after a power cut. The order shows it too:
  - a file is renamed into its place only when what was written to it has been made durable, a directory only when all
    that is in it has;
  - a rename, a new file or an unlink is durable, by an fsync of its directory, before the next step begins and before
    the end;
  - a line of the journal is durable before anything else is changed, except where docs/store.md says so;
  - what qemu-img has written is made durable before a name changes;
  - an image of ours is written down in images.json before it is made, and our copy of the configuration names it before
    QEMU is told to go on in it.
"""
import os

QUICK_STEPS = ("disks", "resume")  # of a create: the guest stands still meanwhile
CHANGES = ("write", "pwrite", "ftruncate", "posix_fallocate", "fallocate")
NAMES = ("unlink", "unlinkat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "open-create", "openat-create")
# Space that is kept free: after a power cut nothing depends on it.  A plan that is not needed any more may come back,
# and is removed again.
FREE = ("reserve", "next.json", "kept", ".", "current.new", "config.json.new")
WRITING = ("create", "convert", "commit", "rebase")


class Checker:
    def __init__(self, operation, store):
        self.operation, self.store = operation, store
        self.dirty = set()      # files with data that is not durable yet
        self.entries = {}       # directories with entries that are not: the names
        self.journal = None     # a line that is not durable yet: its step
        self.images = None      # the command of qemu-img whose writing is not durable yet
        self.noted = False      # images.json was replaced since the last image was made
        self.unnamed = None     # an image that was made and that config.json, replaced since, cannot name yet
        self.found = []

    def complain(self, call, what):
        self.found.append((call, what))

    def feed(self, call):
        if call.program != "worker" or (call.path == self.store and call.name == "mkdir"):
            return
        if call.group == "sockets":
            self.tell_qemu(call)
            return
        if "/run/" in call.path or call.path.endswith("/run"):
            return  # it does not outlive a power cut in any case
        if call.name in ("fsync", "fdatasync"):
            self.sync(call.path)
        elif "spawn" in call.name:
            self.spawn(call)
        elif call.name in CHANGES and os.path.basename(call.path) == "journal":
            self.journal_line(call)
        elif call.name in CHANGES:
            self.act(call)
            self.dirty.add(call.path)
        elif call.name in NAMES:
            self.change_name(call)

    def sync(self, path):
        self.dirty.discard(path)
        self.entries.pop(path, None)
        if os.path.basename(path) == "journal":
            self.journal = None
        if path.endswith((".qcow2", ".img", ".raw")):
            self.images = None

    def spawn(self, call):
        words = call.what.split()
        if len(words) > 1 and words[1] in WRITING:
            self.act(call)
            self.images = " ".join(words[:2])
        elif len(words) > 1 and words[1] != "info":
            self.act(call)

    def tell_qemu(self, call):
        if call.what.startswith("qmp ") and call.what.split()[1] in ("transaction", "job-finalize", "block-commit"):
            self.act(call)
        if call.what == "qmp transaction" and self.unnamed:
            self.complain(call, f"the configuration does not name {self.unnamed} when QEMU goes on in it")

    def act(self, call):
        if self.journal:
            self.complain(call, f"the step {self.journal} is not durable in the journal when this is done")
            self.journal = None

    def change_name(self, call):
        if os.path.basename(call.path) != "journal":
            self.act(call)
        if self.images and call.name != "open-create":
            self.complain(call, f"what {self.images} has written is not durable when this is done")
            self.images = None
        if call.name.startswith("rename"):
            self.rename(call)
        elif call.name in ("unlink", "unlinkat"):
            self.dirty.discard(call.path)
            self.entries.pop(call.path, None)
        elif call.name.endswith("create"):
            self.make(call)
        if os.path.basename(call.path) not in FREE:
            self.entries.setdefault(os.path.dirname(call.path), set()).add(os.path.basename(call.path))

    def make(self, call):
        self.dirty.add(call.path)
        if not call.path.endswith(".qcow2"):
            return
        if not self.noted:
            self.complain(call, "images.json does not name the image that is made")
        self.noted, self.unnamed = False, os.path.basename(call.path)

    def rename(self, call):
        old, new = call.what.split(" ")
        for path in sorted(self.dirty):
            if path == old or path.startswith(old + "/"):
                self.complain(call, f"{os.path.basename(path)} is not durable when it appears under its name")
                self.dirty.discard(path)
        for directory in sorted(self.entries):
            if directory == old or directory.startswith(old + "/"):
                self.complain(call, f"names in {os.path.basename(old)} are not durable when it appears under its name")
                del self.entries[directory]
        self.entries.setdefault(os.path.dirname(old), set()).add(os.path.basename(old))
        self.noted |= os.path.basename(new) == "images.json"
        if os.path.basename(new) == "config.json" and os.path.basename(os.path.dirname(new)) != ".draft":
            self.unnamed = None

    def journal_line(self, call):
        self.all_done(call, f"before the line of {call.step}")
        quick = self.operation == "create" and call.step in QUICK_STEPS
        self.journal = None if quick else call.step

    def all_done(self, call, when):
        later = {path: names for path, names in self.entries.items() if os.path.basename(path) == ".draft"}
        for directory, names in sorted(self.entries.items()):
            kept = names & {"journal"} if call.step == "-" else set()  # it is made durable behind its first line
            if names - kept and directory not in later:
                told = ", ".join(sorted(names - kept))
                self.complain(call, f"{told} in {os.path.basename(directory)}: not durable {when}")
            if kept:
                later[directory] = kept
        for path in sorted(self.dirty):
            if os.path.basename(path) not in ("memory", "journal", *FREE):
                self.complain(call, f"{os.path.basename(path)} is not durable {when}")
        if self.images:
            self.complain(call, f"what {self.images} has written is not durable {when}")
        self.entries, self.images = later, None
        self.dirty = {path for path in self.dirty if os.path.basename(path) == "memory"}


def told(found):
    """What check() has found, a line each."""
    return [f"{call.step} {call.name} {os.path.basename(call.path)}: {sentence} "
            f"({', '.join(function for function, _ in call.functions[:4])})" for call, sentence in found]


def check(calls, operation, store):
    """What is wrong in the order of an operation's calls: (call, sentence) for each."""
    checker = Checker(operation, str(store))
    for call in calls:
        checker.feed(call)
    return checker.found
