"""A driver process without a gateway: speaks just enough of the driver protocol (docs/driver-protocol.md) to configure and start it."""

import os
import subprocess
import threading


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def node(value):
    """A piece of YAML as the message Node."""
    if isinstance(value, bool):
        return number(2, int(value))
    if isinstance(value, (int, float)):
        return block(3, str(value))
    if isinstance(value, str):
        return block(4, value)
    if isinstance(value, list):
        return block(5, b"".join(block(1, node(item)) for item in value))
    entries = (block(1, block(1, key) + block(2, node(item))) for key, item in value.items())
    return block(6, b"".join(entries))


class Driver:
    """The process; `devices` are maps with name, profile, interval_ms and options, `program` is the command."""

    def __init__(self, program, port, options, devices, profiles, log):
        self.process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={"PATH": os.environ.get("PATH", "")}
        )
        self.bytes_out = 0
        threading.Thread(target=self._drain, daemon=True).start()
        configure = number(1, 1) + block(2, "bus") + block(3, port) + block(4, node(options))
        for index, device in enumerate(devices):
            configure += block(
                5,
                number(1, index)
                + block(2, device["name"])
                + block(3, device["profile"])
                + block(4, node(device["options"]))
                + number(5, device["interval_ms"]),
            )
        for name, content in profiles.items():
            configure += block(6, block(1, name) + block(2, name + ".yaml") + block(3, node(content)))
        for field, message in ((2, block(1, "bench")), (3, configure), (4, b"")):
            self._send(number(1, 1) + block(field, message))

    def _send(self, message):
        self.process.stdin.write(varint(len(message)) + message)
        self.process.stdin.flush()

    def _drain(self):
        while True:
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                return
            self.bytes_out += len(part)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
