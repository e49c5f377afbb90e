# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several processes that work side by side, each in a world of its own.

    with Crew(2, make) as crew:
        for task, answer in crew.do(tasks): ...

MAKE() is called in each process and gives what does the work: its do(task) answers, its drop() ends what it has
started. Tasks are handed out in their order, each drawn when somebody is free for it; the answers come as they are
ready.
"""
import multiprocessing
import multiprocessing.connection
import os

END_SECONDS = 60


def jobs(more=1):
    """JOBS in the environment; by itself as many as there are processors, and MORE, for each now and then but waits."""
    return max(1, int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)) + more))


def _serve(line, others, make):
    for other in others:
        other.close()  # so that this one hears of the end of who hands out the work
    hand = make()
    try:
        while True:
            line.send(hand.do(line.recv()))
    except EOFError:
        pass
    finally:
        hand.drop()


class Crew:
    def __init__(self, count, make):
        fork = multiprocessing.get_context("fork")
        self.hands = {}
        for _ in range(count):
            ours, theirs = fork.Pipe()
            hand = fork.Process(target=_serve, args=(theirs, [*self.hands, ours], make))
            hand.start()
            theirs.close()
            self.hands[ours] = hand

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """What is under way is finished, unless something is wrong here."""
        for line, hand in self.hands.items():
            line.close()
            if kind:
                hand.terminate()
        for hand in self.hands.values():
            hand.join(END_SECONDS)

    def do(self, tasks):
        todo, busy, idle = iter(tasks), {}, list(self.hands)
        while True:
            while idle and (task := next(todo, None)) is not None:
                line = idle.pop()
                line.send(task)
                busy[line] = task
            if not busy:
                return
            for line in multiprocessing.connection.wait(list(busy)):
                task = busy.pop(line)
                try:
                    answer = line.recv()
                except EOFError:
                    raise RuntimeError(f"the process that was at {task} has ended") from None
                idle.append(line)
                yield task, answer
