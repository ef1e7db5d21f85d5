"""A pymodbus slave for every profile of a folder: `profile_slaves.py FOLDER`.

Prints one line of JSON per turn, {"turn": 0, "devices": {profile: {"port": ..., "unit": 1, "values": {point: [value, unit]}}}},
and goes on to the next turn with each line on its standard input. Turn 0 holds plausible numbers, every further one has
the next sentinel of each value ("not available", NaN). A value is a text (also of a number), true, false, or null where
nothing but a bad value may come out. Registers that no value needs are answered with exception 2, unless the profile
says that holes can be read.
"""

import asyncio
import glob
import json
import os
import sys

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusBaseDeviceContext, ModbusServerContext
from pymodbus.server import ModbusTcpServer

from profile_image import Image, Profile

TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


class Slave(ModbusBaseDeviceContext):
    """A device that holds an image and keeps to the limits of its profile."""

    def __init__(self, profile):
        self.image = Image(profile)
        limits = profile.limits
        self.longest = limits.get("max_registers", 125)
        self.even_only = limits.get("even_only", False)
        self.holes = limits.get("gaps") in ("zeros", "readable")
        self.never = list(self.forbidden(profile))

    @staticmethod
    def forbidden(profile):
        for item in profile.document.get("never_read", []):
            table = profile.numbers.get("table", "holding")
            if isinstance(item, dict):
                table, item = item.get("table", table), item["at"]
            first, _, last = str(item).partition("-")
            yield table, profile.wire(int(first, 0), table), profile.wire(int(last or first, 0), table)

    def getValues(self, func_code, address, count=1):
        table = TABLES[func_code]
        registers = self.image.tables[table]
        asked = range(address, address + count)
        singles = self.image.singles[table]
        if any(table == other and first < address + count and address <= last for other, first, last in self.never):
            return ExcCodes.ILLEGAL_ADDRESS
        if count == 1 and address in singles:
            return [singles[address]]
        is_bits = table in ("coil", "discrete")
        if not is_bits and (count > self.longest or self.even_only and count % 2):
            return ExcCodes.ILLEGAL_VALUE
        if not self.holes and any(place not in registers for place in asked):
            return ExcCodes.ILLEGAL_ADDRESS
        words = [registers.get(place, 0) for place in asked]
        return [word != 0 for word in words] if is_bits else words

    def setValues(self, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


async def main():
    profiles = [Profile(path) for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.yaml")))]
    slaves, ports, servers = {}, {}, []
    for profile in profiles:
        if not profile.registers:
            continue
        slaves[profile.name] = Slave(profile)
        server = ModbusTcpServer(
            ModbusServerContext(devices={1: slaves[profile.name]}, single=False), address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        ports[profile.name] = server.transport.sockets[0].getsockname()[1]
        servers.append(server)
    plain = {name: slave.image for name, slave in slaves.items()}
    turn = 0
    while True:
        devices = {}
        for name, slave in slaves.items():
            image = plain[name] if turn == 0 else plain[name].spoiled(turn - 1)
            if image is not None:
                slave.image = image
                values = {value.name: [image.expected[value.name], value.unit] for value in image.profile.values}
                devices[name] = {"port": ports[name], "unit": 1, "values": values}
        print(json.dumps({"turn": turn, "devices": devices}), flush=True)
        if not devices or not await asyncio.to_thread(sys.stdin.readline):
            os._exit(0)
        turn += 1


asyncio.run(main())
