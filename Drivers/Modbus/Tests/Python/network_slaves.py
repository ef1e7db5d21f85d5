"""Modbus hosts of several kinds for the driver's tests, made by pymodbus: `network_slaves.py`.

Prints {"units": port, "hosts": [ports], "silent": port, "rtu": port, "sunspec": port, "moody": port}, then obeys lines on
its standard input: "stop" and "start" take the moody server away and bring it back on the same port; each is answered by
{"done": ...}. Registers hold their address and a thousand times their unit, but for the SunSpec meter.
"""

import asyncio
import json
import os
import sys

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusBaseDeviceContext, ModbusServerContext
from pymodbus.server import ModbusTcpServer


class Counting(ModbusBaseDeviceContext):
    def __init__(self, unit):
        self.unit = unit

    def getValues(self, func_code, address, count=1):
        return [(self.unit * 1000 + place) & 0xFFFF for place in range(address, address + count)]

    def setValues(self, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


class SunSpecMeter(ModbusBaseDeviceContext):
    """Models 1 and 203 at 40000, laid out by hand from the specification's tables."""

    def __init__(self):
        self.registers = {}
        self.put(40000, [0x5375, 0x6E53, 1, 66])
        self.text(40004, "Candle Works", 16)
        self.text(40020, "CW-3", 16)
        self.text(40036, "", 8)
        self.text(40044, "1.4", 8)
        self.text(40052, "SN-0042", 16)
        self.put(40068, [1, 0x8000])
        self.put(40070, [203, 105])
        missing = 0x8000
        # A, AphA, AphB, AphC, A_SF
        self.put(40072, [369, 123, 122, 124, 0xFFFF])
        # PhV, PhVphA..C, PPV, PPVphAB, BC, CA, V_SF
        self.put(40077, [2300, 2301, 2299, 2300, 3984, 3985, 3983, 3984, 0xFFFF])
        # Hz, Hz_SF
        self.put(40086, [4998, 0xFFFE])
        # W: total and three phases, exporting; W_SF
        self.put(40088, [-270 & 0xFFFF, -90 & 0xFFFF, -90 & 0xFFFF, -90 & 0xFFFF, 1])
        # VA and VAR are not implemented
        self.put(40093, [missing] * 5 + [missing] * 5)
        # PF in percent
        self.put(40103, [95, 95, 95, 95, 0])
        # TotWhExp, phases; TotWhImp, phases; TotWh_SF
        self.long(40108, [1000, 0, 0, 0, 12345678, 0, 0, 0])
        self.put(40124, [1])
        self.long(40125, [0] * 8)
        self.put(40141, [missing])
        self.long(40142, [0] * 16)
        self.put(40174, [missing])
        # Evt
        self.long(40175, [0])
        self.put(40177, [0xFFFF, 0])

    def put(self, address, words):
        for offset, word in enumerate(words):
            self.registers[address + offset] = word

    def long(self, address, numbers):
        for offset, number in enumerate(numbers):
            self.put(address + 2 * offset, [number >> 16, number & 0xFFFF])

    def text(self, address, text, registers):
        data = text.encode().ljust(2 * registers, b"\0")
        self.put(address, [data[place] << 8 | data[place + 1] for place in range(0, len(data), 2)])

    def getValues(self, func_code, address, count=1):
        places = range(address, address + count)
        if func_code != 3 or any(place not in self.registers for place in places):
            return ExcCodes.ILLEGAL_ADDRESS
        return [self.registers[place] for place in places]

    def setValues(self, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


async def serve(devices, port=0, framer=FramerType.SOCKET):
    server = ModbusTcpServer(
        ModbusServerContext(devices=devices, single=False), framer=framer, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    return server, server.transport.sockets[0].getsockname()[1]


async def swallow(reader, writer):
    while await reader.read(256):
        pass


async def main():
    ports, servers = {}, []

    async def add(devices, framer=FramerType.SOCKET):
        server, port = await serve(devices, framer=framer)
        servers.append(server)
        return port

    ports["units"] = await add({unit: Counting(unit) for unit in range(1, 5)})
    ports["hosts"] = [await add({1: Counting(1)}) for _ in range(19)]
    ports["rtu"] = await add({unit: Counting(unit) for unit in (1, 2)}, FramerType.RTU)
    ports["sunspec"] = await add({1: SunSpecMeter()})
    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    ports["silent"] = silent.sockets[0].getsockname()[1]
    moody, ports["moody"] = await serve({1: Counting(1)})
    print(json.dumps(ports), flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if line == "stop":
            await moody.shutdown()
        elif line == "start":
            moody, _ = await serve({1: Counting(1)}, ports["moody"])
        print(json.dumps({"done": line}), flush=True)
    os._exit(0)


asyncio.run(main())
