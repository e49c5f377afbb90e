#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""power-test.py BUILD: the points of tests/xen/power-cuts cover all that the worker does, what is drawn and chosen is
what was asked for, and what dom0 tells of a store is what stands there."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

XEN = pathlib.Path(__file__).resolve().parent.parent / "xen"
sys.path.insert(0, str(XEN / "power"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import course  # noqa: E402
import listed  # noqa: E402
import machine  # noqa: E402
import points  # noqa: E402

WORKER = os.path.join(sys.argv.pop(1), "xensnap-worker")


class Points(unittest.TestCase):
    def setUp(self):
        self.all = points.all_points(WORKER)

    def test_every_step_is_cut_before_and_after(self):
        for operation in ("create", "delete", "revert"):
            for step in points.steps_of(WORKER, operation):
                for when in ("before", "after"):
                    found = [point for point in self.all if point.startswith(operation)
                             and point.split("/")[2:] == [step, when]]
                    self.assertTrue(found, f"{operation} {step} {when}")

    def test_points_are_different(self):
        self.assertEqual(len(self.all), len(set(self.all)))

    def test_unknown_operation(self):
        with self.assertRaises(SystemExit):
            points.steps_of(WORKER, "improve")

    def test_draw(self):
        drawn = points.draw(self.all, 7, 6)
        self.assertEqual(drawn, points.draw(self.all, 7, 6))
        self.assertEqual(len(set(drawn)), 6)
        self.assertEqual(len({point.split("/")[1] for point in drawn}), 1)
        self.assertEqual({point.split("/")[0].split("-")[0] for point in drawn}, {"create", "delete", "revert"})
        self.assertTrue(any(points.draw(self.all, seed, 6) != drawn for seed in range(8, 16)))

    def test_quick_steps_are_not_waited_for(self):
        self.assertEqual(points.hold_of("create/mixed/disks/after")[3], "after")
        self.assertEqual(points.hold_of("delete/mixed/disks/after")[3], "durable")
        self.assertEqual(points.hold_of("revert/mixed/answered/after")[3], "after")

    def test_outcome(self):
        self.assertEqual(points.outcome_of("create/mixed/outcome/before"), "either")
        self.assertEqual(points.outcome_of("create/mixed/outcome/after"), "new")
        self.assertEqual(points.outcome_of("delete/mixed/answered/after"), "new")

    def test_only(self):
        self.assertTrue(points.matches("create/mixed/disks/after", "create/*/disks"))
        self.assertFalse(points.matches("create-disks/mixed/disks/after", "create/*/disks"))


class Listed(unittest.TestCase):
    def test_waits(self):
        waits = listed.Waits([("create/*/disks", "because")])
        self.assertEqual(waits.reason("create/mixed/disks/after"), "because")
        self.assertIsNone(waits.reason("create/mixed/save/after"))

    def test_waits_that_stand_there_name_points(self):
        everything = points.all_points(WORKER)
        for only, reason in listed.read_waits(XEN / "power" / "waits").lines:
            self.assertTrue(any(points.matches(point, only) for point in everything), only)
            self.assertTrue(reason)

    def test_table(self):
        text = listed.table(["delete/mixed/disks/before", "delete/mixed/disks/after"],
                            {"delete/mixed/disks/before": "ok", "delete/mixed/disks/after": "not ok"})
        self.assertIn("disks +F", text)


class Command(unittest.TestCase):
    def test_another_place_and_no_port(self):
        saved = {"run": "/a/run", "data": "/a/data.raw", "command": [
            "qemu", "-daemonize", "-pidfile", "/a/run/qemu.pid", "-drive", "file=/a/data.raw,format=raw",
            "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2-:22"]}
        self.assertEqual(machine.command_of(saved, "/b", "/c.raw"), [
            "qemu", "-pidfile", "/b/qemu.pid", "-drive", "file=/c.raw,format=raw",
            "-netdev", "user,id=net,restrict=on", "-incoming", "defer"])

    def test_layer_in_place_of_the_disk(self):
        saved = {"run": "/a/run", "data": "/a/data.raw",
                 "command": ["qemu", "-drive", "file=/a/data.raw,format=raw,if=virtio"]}
        self.assertEqual(machine.command_of(saved, "/b", "/c.qcow2")[2],
                         "file=/c.qcow2,format=qcow2,l2-cache-size=8M,refcount-cache-size=4M,if=virtio")


class Layer(unittest.TestCase):
    def test_what_was_not_flushed_is_lost(self):
        """QEMU's own qcow2, ended as a cut does it."""
        with tempfile.TemporaryDirectory() as directory:
            below, layer = f"{directory}/below.raw", f"{directory}/layer.qcow2"
            with open(below, "wb") as file:
                file.truncate(1 << 20)
            machine.lay(below, layer)
            subprocess.run(["qemu-io", "-f", "qcow2", "-t", "writeback", "-c", "write -P 1 0 4k", "-c", "flush",
                            "-c", "write -P 2 4k 4k", "-c", "sigraise 9", layer], check=False, capture_output=True)
            machine.flatten(layer, below + ".now")
            found = pathlib.Path(below + ".now").read_bytes()
            self.assertEqual(found[:4096], b"\1" * 4096)
            self.assertEqual(found[4096:], bytes(len(found) - 4096))

    def test_copy_as_cut_is_what_a_kill_leaves(self):
        """The same of a program that goes on; it stands for a machine."""
        with tempfile.TemporaryDirectory() as directory:
            below, layer = f"{directory}/below.raw", f"{directory}/layer.qcow2"
            with open(below, "wb") as file:
                file.truncate(1 << 20)
            machine.lay(below, layer)
            program = subprocess.Popen([
                "stdbuf", "-oL", "qemu-io", "-f", "qcow2", "-t", "writeback", "-c", "write -P 1 0 4k", "-c", "flush",
                "-c", "write -P 2 4k 4k", "-c", "flush", "-c", "write -P 3 8k 4k", "-c", "sleep 60000", layer],
                stdout=subprocess.PIPE, text=True)
            try:
                while "offset 8192" not in program.stdout.readline():
                    pass
                copier = machine.Machine.__new__(machine.Machine)
                copier.process = program
                copier.copy_as_cut(layer, f"{directory}/copy.qcow2")
            finally:
                program.kill()
                program.wait()
                program.stdout.close()
            machine.flatten(f"{directory}/copy.qcow2", f"{directory}/copy.raw")
            found = pathlib.Path(f"{directory}/copy.raw").read_bytes()
            self.assertEqual(found[:12288], b"\1" * 4096 + b"\2" * 4096 + bytes(4096))


class Groups(unittest.TestCase):
    def test_one_run_for_points_of_an_operation_and_kind(self):
        todo = ["create/mixed/save/before", "create/mixed/save/after", "create/mixed/disks/before",
                "create-disks/mixed/disks/after"]
        self.assertEqual(course.groups(todo, True), [[todo[0], todo[2]], [todo[1]], [todo[3]]])
        self.assertEqual(course.groups(todo, False), [[point] for point in todo])


class Records(unittest.TestCase):
    """power-records.py on a store that was made by hand."""

    NAME = "12345678-1234-4321-8888-0123456789ab"

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.vm = pathlib.Path(directory.name)
        (self.vm / self.NAME).mkdir()
        (self.vm / ".draft").mkdir()

    def write(self, memory):
        (self.vm / self.NAME / "memory").write_bytes(b"memory")
        (self.vm / self.NAME / "snapshot.json").write_text(json.dumps({
            "name": "s", "id": self.NAME, "created_ms": 1, "memory": memory,
            "disks": [{"vdev": "xvda", "type": "internal", "target": "/a", "format": "qcow2", "tag": "t"}]}))

    def tell(self):
        return subprocess.run([sys.executable, XEN / "dom0" / "power-records.py", self.vm], check=True, text=True,
                              capture_output=True).stdout.splitlines()

    def test_memory(self):
        good = {"file": "memory", "size": 6, "hash": "xxh3:ee586a648e00aaf84e4bd56937f75229"}
        for memory, word in ((good, "good"), (good | {"size": 7}, "bad"), (good | {"file": "gone"}, "bad"),
                             (good | {"hash": "xxh3:0"}, "bad"), (None, "none")):
            self.write(memory)
            self.assertEqual(self.tell(), [f"snapshot s {self.NAME} {word}", "disk s xvda internal /a qcow2 t"])


if __name__ == "__main__":
    unittest.main()
