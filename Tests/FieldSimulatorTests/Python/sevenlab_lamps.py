"""A master on the simulated SevenLab interface: `sevenlab_lamps.py PATH`.

Written from doc/commands.md and doc/messages.md of the interface's firmware, in another language than the simulator and the
driver and sharing no code with them, but by the same people. What the frames mean comes from python-dali. Prints one JSON
document.
"""

import json
import re
import sys
import time

import serial
from dali import address
from dali.command import from_frame
from dali.frame import ForwardFrame
from dali.gear.general import DAPC, DTR0, QueryActualLevel, QueryPowerOnLevel, QueryStatus, SetPowerOnLevel

MESSAGE = re.compile(r"^\{([0-9a-f]{8})([:>])([0-9a-f]{2}) ([0-9a-f]{8})\}$")


class Interface:
    def __init__(self, path):
        self.port = serial.Serial(path, 500000, timeout=5)

    def line(self):
        return self.port.readline().decode().rstrip("\r\n")

    def message(self):
        match = MESSAGE.match(self.line())
        assert match, "no message"
        return match[2], int(match[3], 16), int(match[4], 16)

    def version(self):
        self.port.write(b"?")
        lines = [self.line(), self.line(), self.line()]
        return lines[1].strip()

    def send(self, command, priority=5):
        """The answer, None for silence, "collision"."""
        isQuery = command.response is not None
        bits, data = len(command.frame), command.frame.as_integer
        mark = "+" if command.sendtwice else " "
        self.port.write(f"{'Q' if isQuery else 'S'}{priority} {bits:x}{mark}{data:0{bits // 4}X}\r".encode())
        for _ in range(2 if command.sendtwice else 1):
            mark, length, echo = self.message()
            assert (mark, length, echo) == (">", bits, data), (mark, length, echo)
        # What was heard on the bus means what was sent.
        heard = from_frame(ForwardFrame(length, echo))
        assert type(heard) is type(command), (heard, command)
        if not isQuery:
            return None
        mark, length, value = self.message()
        assert mark == ":", mark
        if length == 0x81:
            return None
        return value if length == 8 else "collision"


def main():
    interface = Interface(sys.argv[1])
    lamp = address.GearShort(0)
    report = {"version": interface.version()}
    report["status"] = interface.send(QueryStatus(lamp))
    report["absent"] = interface.send(QueryStatus(address.GearShort(60)))
    interface.send(DAPC(lamp, 170), 2)
    report["level"] = interface.send(QueryActualLevel(lamp))
    report["all"] = interface.send(QueryActualLevel(address.GearBroadcast()))
    interface.send(DTR0(123), 3)
    interface.send(SetPowerOnLevel(lamp), 3)
    report["power_on_level"] = interface.send(QueryPowerOnLevel(lamp))
    started = time.monotonic()
    interface.send(QueryActualLevel(lamp))
    report["seconds"] = time.monotonic() - started
    print(json.dumps(report))


main()
