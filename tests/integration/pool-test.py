#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests/xen/host/pool.py does with machines that are lost, cases that fail and signals; the machines are doubles."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
POOL = HERE.parent / "xen" / "host" / "pool.py"
DEADLINE = 30


class PoolTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name)
        (self.top / "cases").mkdir()
        self.environment = {key: value for key, value in os.environ.items() if key not in ("PART", "RESULTS")} | {
            "XEN_MACHINE_DIR": str(self.top), "XEN_MACHINE_PROGRAM": str(HERE / "machine-double.sh"),
            "XEN_MACHINE_CASES": str(self.top / "cases"), "XEN_MACHINE_TIMES": str(self.top / "times"),
            "XEN_MACHINES": "2", "XEN_MACHINE_GRACE": "1", "DOUBLE": str(self.top)}

    def case(self, name, *fates, machine=(), more=()):
        lines = [f"# machine: {words}" for words in machine] + [f"# {words}" for words in more]
        (self.top / "cases" / f"{name}.sh").write_text("#!/bin/bash\n" + "\n".join(lines) + "\n")
        if fates:
            (self.top / name).write_text("\n".join(fates) + "\n")

    def start(self, *words, **environment):
        return subprocess.Popen([sys.executable, POOL, *(words or ["run"])], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.environment | environment)

    def run_pool(self, *words, **environment):
        """Runs it; its lines without the times, and its exit code."""
        with self.start(*words, **environment) as process:
            self.said, self.errors = process.communicate(timeout=DEADLINE)
        return [re.sub(r" \(\d+\.\ds, machine [^)]*\)", "", line) for line in self.said.splitlines()
                if not line.startswith("    ")], process.returncode

    def log(self):
        return (self.top / "log").read_text().splitlines() if (self.top / "log").exists() else []

    def begun(self):
        return [line.split()[2] for line in self.log() if " begin " in line]

    def count(self, pattern):
        return len([line for line in self.log() if re.search(pattern, line)])

    def test_each_case_once(self):
        for name in "abcde":
            self.case(name)
        lines, code = self.run_pool()
        self.assertEqual(lines[-1], "5 passed, 0 failed, 0 skipped", self.errors)
        self.assertEqual(code, 0)
        self.assertEqual(sorted(lines[:-1]), [f"ok {name}" for name in "abcde"])
        self.assertEqual(self.count(" up "), 2)
        self.assertEqual(self.count(" down$"), 2)

    def test_longest_first_and_unknown_before(self):
        for name in "abcd":
            self.case(name)
        (self.top / "times").write_text("# comment\na 10\nb 30\nc 20\n")
        self.run_pool(XEN_MACHINES="1")
        self.assertEqual(self.begun(), ["d", "b", "c", "a"])

    def test_failed_is_not_tried_again(self):
        self.case("a", "failed", "ok")
        self.case("b")
        lines, code = self.run_pool()
        self.assertIn("not ok a", lines)
        self.assertEqual((lines[-1], code), ("1 passed, 1 failed, 0 skipped", 1))
        self.assertEqual(self.begun().count("a"), 1)
        self.assertEqual(self.count(" collect a "), 1)
        self.assertIn("FAIL: as it was told", self.said)

    def test_skip(self):
        self.case("a", "skip")
        lines, code = self.run_pool()
        self.assertEqual((lines, code), (["skip a (SKIP: not here)", "0 passed, 0 failed, 1 skipped"], 0))

    def test_lost_machine_is_replaced_once(self):
        for fate in ("silent", "gone"):
            with self.subTest(fate):
                self.case("a", fate, "ok")
                lines, code = self.run_pool(XEN_MACHINES="1", XEN_MACHINE_FIRST_LINE="2")
                self.assertEqual((lines, code), (["ok a", "1 machine lost", "1 passed, 0 failed, 0 skipped"], 0))
        self.assertEqual(self.count(" up "), 4)

    def test_a_machine_that_does_not_boot_is_lost(self):
        self.case("a")
        (self.top / "boots-fail").write_text("1")
        lines, code = self.run_pool()
        self.assertEqual((lines, code), (["ok a", "1 machine lost", "1 passed, 0 failed, 0 skipped"], 0))

    def test_second_loss_fails_the_run(self):
        self.case("a", "gone", "ok")
        self.case("b", "gone", "ok")
        self.case("c")
        (self.top / "times").write_text("a 3\nb 2\nc 1\n")
        lines, code = self.run_pool(XEN_MACHINES="1")
        self.assertEqual(lines, ["ok a", "2 machines were lost: the run is given up", "not ok b (not run)",
                                 "not ok c (not run)", "2 machines lost", "1 passed, 2 failed, 0 skipped"])
        self.assertEqual(code, 1)

    def test_same_case_lost_twice(self):
        self.case("a", "gone", "gone", "ok")
        lines, code = self.run_pool()
        self.assertEqual((lines[-2:], code), (["2 machines lost", "0 passed, 1 failed, 0 skipped"], 1))

    def test_triple_fault_is_tried_again_once(self):
        self.case("a", "triple-fault", "ok")
        self.case("b", "triple-fault", "triple-fault", "ok")
        lines, code = self.run_pool()
        self.assertEqual(lines[-2:], ["3 triple faults", "1 passed, 1 failed, 0 skipped"])
        self.assertEqual(code, 1)
        self.assertEqual(self.count(" up "), 2)

    def test_failed_after_a_triple_fault(self):
        self.case("a", "triple-fault", "failed", "ok")
        lines, code = self.run_pool()
        self.assertEqual((lines[-2:], code), (["1 triple fault", "0 passed, 1 failed, 0 skipped"], 1))

    def test_stuck_case_fails_and_its_machine_goes(self):
        self.case("a", "stuck", "ok", more=["deadline: 2"])
        self.case("b")
        (self.top / "times").write_text("a 3\nb 2\n")
        lines, code = self.run_pool(XEN_MACHINES="1")
        self.assertEqual((lines, code), (["not ok a", "ok b", "1 passed, 1 failed, 0 skipped"], 1))
        self.assertEqual(self.count(" up "), 2)

    def test_alone_runs_alone(self):
        for name in "abcd":
            self.case(name)
        self.case("e", machine=["alone"])
        self.case("f", machine=["two-vcpus"])
        lines, code = self.run_pool()
        self.assertEqual((lines[-1], code), ("6 passed, 0 failed, 0 skipped", 0), self.errors)
        log = self.log()
        self.assertEqual(self.begun()[-2:], ["e", "f"])
        before = log[:log.index("pool-1 begin e")]
        self.assertIn("pool-2 down", before)
        self.assertEqual(len([line for line in before if " end " in line]), 4)
        self.assertIn("pool-1 up --vcpus 2 --xenstored xenstored", log)

    def test_fresh_has_a_machine_of_its_own(self):
        self.case("a")
        self.case("b", machine=["fresh"])
        self.case("c", machine=["fresh"])
        lines, _ = self.run_pool(XEN_MACHINES="1")
        self.assertEqual(lines[-1], "3 passed, 0 failed, 0 skipped")
        words = [line.split()[1] for line in self.log()]
        one = ["up", "push-cases", "begin", "end", "down"]
        self.assertEqual(words, one * 3)

    def test_both_xenstoreds(self):
        self.case("a", machine=["any", "oxenstored"])
        self.case("b", machine=["oxenstored"])
        lines, _ = self.run_pool(XEN_MACHINES="1")
        self.assertEqual(sorted(lines[:-1]), ["ok a", "ok a:oxenstored", "ok b:oxenstored"])
        self.assertEqual(self.count("--xenstored oxenstored"), 1)
        self.assertEqual(self.count(" up "), 2)

    def test_exhaustive_goes_on_where_it_was_broken_off(self):
        self.case("a", more=["exhaustive"])
        self.case("b", "failed", machine=["any", "oxenstored exhaustive"])
        self.case("c", "failed", "ok", more=["exhaustive"])
        environment = {"RESULTS": str(self.top / "book"), "XEN_MACHINES": "1"}
        self.assertEqual(self.run_pool("run", "exhaustive", **environment)[1], 1)
        lines, code = self.run_pool("run", "exhaustive", **environment)
        self.assertEqual((lines, code), (["ok b:oxenstored", "ok c", "2 passed, 0 failed, 0 skipped"], 0))

    def test_parts_are_all_and_overlap_nowhere(self):
        for name in "abcde":
            self.case(name)
        for part in ("1/2", "2/2"):
            self.run_pool(PART=part)
        self.assertEqual(sorted(self.begun()), list("abcde"))

    def test_named_cases(self):
        self.case("10-one", machine=["any", "oxenstored"], more=["exhaustive"])
        self.case("11-two")
        self.assertEqual(self.run_pool("run", "10", "11-two")[0][-1], "3 passed, 0 failed, 0 skipped")
        self.assertEqual(self.run_pool("run", "10:oxenstored")[0][-1], "1 passed, 0 failed, 0 skipped")
        self.assertNotEqual(self.run_pool("run", "1")[1], 0)
        self.assertIn("'1' names no one case", self.errors)

    def test_unknown_word_is_refused(self):
        self.case("a", machine=["aloen"])
        self.assertNotEqual(self.run_pool()[1], 0)
        self.assertIn("aloen", self.errors)

    def test_in_the_machine_that_is_up(self):
        self.case("a", "gone", "ok", machine=["fresh"])
        self.case("b", machine=["any", "oxenstored"])
        lines, code = self.run_pool("test")
        self.assertEqual((lines, code), (["ok a", "ok b", "1 machine lost", "2 passed, 0 failed, 0 skipped"], 0))
        self.assertEqual(self.count(" (up|down)"), 0)

    def test_times_are_kept(self):
        self.case("a")
        self.case("b", "failed")
        (self.top / "times").write_text("b 7\ngone 9\n")
        self.run_pool()
        self.run_pool("times")
        kept = [line.split()[0] for line in (self.top / "times").read_text().splitlines()[1:]]
        self.assertEqual(kept, ["a", "b"])

    def wait_for(self, true):
        end = time.monotonic() + DEADLINE
        while not true():
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.05)

    def test_signals_take_all_machines_down(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                (self.top / "log").unlink(missing_ok=True)
                self.case("a", "stuck")
                self.case("b", "stuck")
                with self.start() as process:
                    self.wait_for(lambda: len(self.begun()) == 2)
                    process.send_signal(number)
                    code = process.wait(DEADLINE)
                self.assertIn(code, (130, -signal.SIGKILL))
                self.wait_for(lambda: {line.split()[0] for line in self.log() if line.endswith(" down")} ==
                              {"pool-1", "pool-2"})

    def test_a_second_signal_does_no_harm(self):
        self.case("a", "stuck")
        with self.start(DOUBLE_DOWN_SECONDS="1") as process:
            self.wait_for(lambda: self.begun() == ["a"])
            process.send_signal(signal.SIGINT)
            self.wait_for(lambda: self.count(" down$"))
            process.send_signal(signal.SIGINT)
            said, errors = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 130)
        self.assertNotIn("Traceback", errors)
        self.assertEqual(said.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

    def test_two_at_once_are_refused(self):
        self.case("a", "stuck")
        with self.start() as process:
            self.wait_for(lambda: self.begun() == ["a"])
            self.assertNotEqual(self.run_pool()[1], 0)
            self.assertIn("another 'machine run'", self.errors)
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)


if __name__ == "__main__":
    unittest.main()
