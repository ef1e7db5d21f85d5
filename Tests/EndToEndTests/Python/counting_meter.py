"""A meter made of pymodbus alone whose counter and serial number are set from outside: `counting_meter.py PORT`.

Input registers, two each, high word first: 0 energy (counts of 0.01 kW.h), 2 serial number, 4 power in W. Each line of standard input,
such as `energy 4711`, is carried out and answered with its number: `done 1`. It ends with its standard input.
"""

import asyncio
import os
import sys
import threading

from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartAsyncTcpServer

PLACES = {"energy": 0, "serial": 2, "power": 4}
INPUT_REGISTERS = 4


def follow(device):
    for number, line in enumerate(sys.stdin, 1):
        name, value = line.split()
        device.setValues(INPUT_REGISTERS, PLACES[name], [int(value) >> 16, int(value) & 0xFFFF])
        print(f"done {number}", flush=True)
    os._exit(0)


async def main():
    block = ModbusSequentialDataBlock(1, [0] * 16)
    device = ModbusDeviceContext(ir=block, hr=block, co=block, di=block)
    threading.Thread(target=follow, args=(device,), daemon=True).start()
    context = ModbusServerContext(devices={1: device}, single=False)
    print("ready", flush=True)
    await StartAsyncTcpServer(context, address=("127.0.0.1", int(sys.argv[1])))


asyncio.run(main())
