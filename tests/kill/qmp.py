# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of QEMU's monitor. A connection that ends, or an error of QEMU's, is a QmpError."""
import json
import socket

ANSWER_SECONDS = 30


class QmpError(RuntimeError):
    pass


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(ANSWER_SECONDS)
        try:
            self.socket.connect(str(path))
            self.file = self.socket.makefile("rb")
            self._line()
            self.call("qmp_capabilities")
        except OSError as error:
            self.socket.close()
            raise QmpError(f"{path}: {error}") from error
        except QmpError:
            self.socket.close()
            raise

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _line(self):
        try:
            line = self.file.readline()
        except OSError as error:
            raise QmpError(f"QEMU does not answer: {error}") from error
        if not line:
            raise QmpError("QEMU has closed the connection")
        return json.loads(line)

    def call(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"QEMU is gone: {error}") from error
        while True:
            answer = self._line()
            if "error" in answer:
                raise QmpError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def human(self, line):
        return self.call("human-monitor-command", command_line=line)
