"""A meter made of pymodbus alone whose counter and serial number are set from outside: `counting_meter.py PORT`.

Registers, two each, high word first: 0 energy, 2 serial number, 4 power in W. Each line of standard input, such as
`energy 4711`, is carried out and answered with its number: `done 1`. It ends with its standard input.
"""

import asyncio
import os
import sys
import threading

from pymodbus.server import StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

PLACES = {"energy": 0, "serial": 2, "power": 4}
CURRENT = [0] * 16


def follow():
    for number, line in enumerate(sys.stdin, 1):
        name, value = line.split()
        CURRENT[PLACES[name] : PLACES[name] + 2] = [int(value) >> 16, int(value) & 0xFFFF]
        print(f"done {number}", flush=True)
    os._exit(0)


async def refresh(_function, _start, _address, _count, registers, _values):
    registers[: len(CURRENT)] = CURRENT


async def main():
    threading.Thread(target=follow, daemon=True).start()
    block = SimData(0, values=[0] * len(CURRENT), datatype=DataType.REGISTERS)
    device = SimDevice(1, simdata=[block], action=refresh)
    print("ready", flush=True)
    await StartAsyncTcpServer(device, address=("127.0.0.1", int(sys.argv[1])))


asyncio.run(main())
