"""A master on the simulated Foxtron converter over TCP: `foxtron_lamps.py HOST PORT`.

Written from the vendor's "Communication protocol" 1.7, in another language than the simulator and the driver and sharing no
code with them, but by the same people: a second reading of the text, not a second opinion. What the frames mean comes from
python-dali. Prints one JSON document.
"""

import json
import socket
import sys
import time

from dali import address
from dali.command import from_frame
from dali.frame import ForwardFrame
from dali.gear.general import DAPC, DTR0, QueryActualLevel, QueryPowerOnLevel, QueryStatus, SetPowerOnLevel


class Converter:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=5)
        self.buffer = b""

    def write(self, payload):
        check = ~sum(payload) & 0xFF
        self.socket.sendall(b"\x01" + (bytes(payload) + bytes([check])).hex().upper().encode() + b"\x17")

    def read(self):
        while b"\x17" not in self.buffer:
            data = self.socket.recv(64)
            if not data:
                raise SystemExit("closed")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\x17", 1)
        assert message[:1] == b"\x01", message
        values = bytes.fromhex(message[1:].decode())
        assert ~sum(values[:-1]) & 0xFF == values[-1], message
        return list(values[:-1])

    def ask(self, item):
        self.write([6, item])
        answer = self.read()
        assert answer[:2] == [7, item], answer
        return answer[2] << 8 | answer[3]

    def send(self, command, priority=5):
        """The answer, None for silence, "collision"."""
        frame = list(command.frame.pack)
        self.write([0x0B, priority, len(command.frame)] + frame + [1 if command.sendtwice else 0])
        for _ in range(2 if command.sendtwice else 1):
            message = self.read()
            assert message[2 : 2 + len(frame)] == frame, message
        # What comes back means what was sent.
        echo = from_frame(ForwardFrame(message[1], int.from_bytes(bytes(frame), "big")))
        assert type(echo) is type(command), (echo, command)
        if message[0] == 0x0E:
            return None
        assert message[0] == 0x0D, message
        return "collision" if message[2 + len(frame)] == 0 else message[3 + len(frame)]


def main():
    converter = Converter(sys.argv[1], int(sys.argv[2]))
    lamp = address.GearShort(0)
    report = {"firmware": converter.ask(2), "bus_power": converter.ask(3)}
    report["status"] = converter.send(QueryStatus(lamp))
    report["absent"] = converter.send(QueryStatus(address.GearShort(60)))
    converter.send(DAPC(lamp, 170), 2)
    report["level"] = converter.send(QueryActualLevel(lamp))
    report["all"] = converter.send(QueryActualLevel(address.GearBroadcast()))
    converter.send(DTR0(123), 3)
    converter.send(SetPowerOnLevel(lamp), 3)
    report["power_on_level"] = converter.send(QueryPowerOnLevel(lamp))
    started = time.monotonic()
    converter.send(QueryActualLevel(lamp))
    report["seconds"] = time.monotonic() - started
    # One master at a time: a second one is sent away.
    second = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    report["second"] = len(second.recv(1))
    print(json.dumps(report))


main()
