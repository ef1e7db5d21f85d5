"""A meter made of pymodbus alone whose counter and serial number are set from outside: `counting_meter.py PORT`.

Registers, two each, high word first: 0 energy, 2 serial number, 4 power in W. Each line of standard input, such as
`energy 4711`, is carried out and answered with its number: `done 1`. It ends with its standard input.
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
    """Reads what stands in CURRENT; takes no write."""

    def getValues(self, func_code, address, count=1):
        if address + count > len(CURRENT):
            return ExcCodes.ILLEGAL_ADDRESS
        return CURRENT[address : address + count]

    def setValues(self, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


def follow():
    for number, line in enumerate(sys.stdin, 1):
        name, value = line.split()
        meter.set(name, int(value))
        print(f"done {number}", flush=True)
    os._exit(0)


async def main():
    threading.Thread(target=follow, daemon=True).start()
    context = ModbusServerContext(devices={1: Meter()}, single=False)
    server = ModbusTcpServer(context, address=("127.0.0.1", int(sys.argv[1])))
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
