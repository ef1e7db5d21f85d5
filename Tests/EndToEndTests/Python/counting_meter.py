"""A meter made of pymodbus alone whose counter and serial number are set from outside: `counting_meter.py PORT`.

Registers, two each, high word first: 0 energy, 2 serial number, 4 power in W. Each line of standard input, such as
`energy 4711` or `serial 7 energy 12`, is carried out in one step and answered with its number: `done 1`. It ends with its standard input.
"""

import asyncio
import os
import sys
import threading

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusBaseDeviceContext, ModbusServerContext
from pymodbus.server import ModbusTcpServer

PLACES = {"energy": 0, "serial": 2, "power": 4}
LENGTH = 16
READ_INPUT_REGISTERS = 4


class Meter(ModbusBaseDeviceContext):
    """Input registers that answer with what was set last; nothing else can be read or written."""

    def __init__(self):
        self.registers = (0,) * LENGTH

    def set(self, values):
        words = list(self.registers)
        for name, value in values:
            place = PLACES[name]
            words[place : place + 2] = [value >> 16, value & 0xFFFF]
        # In one step: an answer holds whole values, and those of one meter.
        self.registers = tuple(words)

    def getValues(self, func_code, address, count=1):
        if func_code != READ_INPUT_REGISTERS:
            return ExcCodes.ILLEGAL_FUNCTION
        if address + count > LENGTH:
            return ExcCodes.ILLEGAL_ADDRESS
        return list(self.registers[address : address + count])

    def setValues(self, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


def follow(meter):
    for number, line in enumerate(sys.stdin, 1):
        words = line.split()
        meter.set(zip(words[::2], map(int, words[1::2])))
        print(f"done {number}", flush=True)
    os._exit(0)


async def main():
    meter = Meter()
    server = ModbusTcpServer(
        ModbusServerContext(devices={1: meter}, single=False), address=("127.0.0.1", int(sys.argv[1])))
    await server.serve_forever(background=True)
    threading.Thread(target=follow, args=(meter,), daemon=True).start()
    # Only now: who connects at once is answered.
    print("ready", flush=True)
    await server.serving


asyncio.run(main())
