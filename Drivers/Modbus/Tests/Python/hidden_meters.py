"""Twenty meters behind one Modbus TCP port, for a scan to find: `hidden_meters.py FOLDER_OF_PROFILES`.

Prints {"port": ..., "meters": {unit: profile, or null for one that nobody has a profile of}}, then answers until its
standard input ends. Each holds an image of its profile made by an encoder of its own. Unit 19 answers like an SDM630 and is
none; unit 20 holds numbers of no meter.
"""

import asyncio
import json
import os
import random
import sys

from pymodbus.datastore import ModbusServerContext
from pymodbus.server import ModbusTcpServer

from profile_image import Profile
from profile_slaves import Slave

# Those that say what they are, those that do not, and one that only looks like another.
METERS = [
    "abb-b21", "abb-b23", "carlogavazzi-em24-e1", "eastron-sdm120", "siemens-mag8000", "socomec-countis-e44",
    "eastron-sdm630", "eastron-sdm230", "janitza-umg96rm", "siemens-pac2200", "orno-or-we-516", "inepro-pro380",
    "schneider-iem3155", "chint-dtsu666", "carlogavazzi-em340", "bove-ultrasonic-water", "kamstrup-multical-hc003",
    "wago-879-3000", "taiye-tac4300",
]


class Noise(Slave):
    """A device that is no meter: registers full of small numbers, as a relay module or an input block has them."""

    def __init__(self, profile):
        super().__init__(profile)
        numbers = random.Random(20)
        for table in ("holding", "input"):
            registers = self.image.tables[table]
            registers.clear()
            self.image.singles[table].clear()
            registers.update({address: numbers.randrange(0, 1500) for address in range(0, 200)})
        self.holes, self.even_only, self.longest, self.never = False, False, 125, []


async def main():
    folder = sys.argv[1]
    profiles = [Profile(os.path.join(folder, name + ".yaml")) for name in METERS]
    devices = {unit: Slave(profile) for unit, profile in enumerate(profiles, 1)}
    meters = {unit: profile.name for unit, profile in enumerate(profiles, 1)}
    # Nobody has this one's profile: the test takes it out of the library.
    devices[20] = Noise(profiles[0])
    meters[20] = None
    server = ModbusTcpServer(ModbusServerContext(devices=devices, single=False), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print(json.dumps({"port": server.transport.sockets[0].getsockname()[1], "meters": meters}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


asyncio.run(main())
