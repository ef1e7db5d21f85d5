"""An independent master (python-dali 0.16) on the simulated LUBA interface: `luba_lamps.py PATH`.

Asks, dims, reads back, and gives short addresses to gear that has none. Prints one JSON document.
"""

import asyncio
import json
import sys
import time

from dali import address, gear, sequences
from dali.driver.serial import drivers_map
from dali.exceptions import ProgramShortAddressFailure
from dali.gear.general import (
    DAPC, DTR0, Off, QueryActualLevel, QueryControlGearPresent, QueryDeviceType, QueryMinLevel,
    QueryPhysicalMinimum, QueryStatus, QueryVersionNumber, RecallMaxLevel, SetFadeTime,
)
from dali.gear.led import QueryDimmingCurve
from dali.memory import info


async def main():
    driver = drivers_map()["luba232"]("luba232:" + sys.argv[1])
    await driver.connect()
    lamp = address.GearShort(0)
    report = {}

    async def ask(command, tries=3):
        # The master waits 25 ms for an answer; on a machine that is busy with other tests it may miss one, so it asks
        # again, as masters do.
        for _ in range(tries):
            response = await driver.send(command)
            if response is not None and response.raw_value is not None:
                return response.raw_value.as_integer
        return None

    report["present"] = await ask(QueryControlGearPresent(lamp))
    report["absent"] = await ask(QueryControlGearPresent(address.GearShort(60)))
    report["version"] = await ask(QueryVersionNumber(lamp))
    report["device_type"] = await ask(QueryDeviceType(lamp))
    report["physical_minimum"] = await ask(QueryPhysicalMinimum(lamp))
    report["curve"] = await ask(QueryDimmingCurve(lamp))
    started = time.monotonic()
    report["status"] = await ask(QueryStatus(lamp))
    report["query_seconds"] = time.monotonic() - started
    await driver.send(DAPC(lamp, 170))
    report["level"] = await ask(QueryActualLevel(lamp))
    # Fade time 2 is one second: half-way the level lies between, then it has arrived.
    await driver.send(DTR0(2))
    await driver.send(SetFadeTime(lamp))
    await driver.send(DAPC(lamp, 250))
    report["fading"] = await ask(QueryActualLevel(lamp))
    deadline = time.monotonic() + 5
    while await ask(QueryActualLevel(lamp)) != 250 and time.monotonic() < deadline:
        pass
    report["faded"] = await ask(QueryActualLevel(lamp))
    await driver.send(Off(lamp))
    report["off"] = await ask(QueryActualLevel(lamp))
    identity = await driver.send(info.BANK_0.read_all(lamp))
    report["identity"] = {str(value.name): str(content) for value, content in identity.items()}
    for _ in range(3):
        try:
            await driver.send(sequences.Commissioning(available_addresses=list(range(40, 48))))
        except ProgramShortAddressFailure:
            pass
        found = [n for n in range(40, 48) if await ask(QueryControlGearPresent(address.GearShort(n))) is not None]
        if len(found) == 3:
            break
    report["commissioned"] = found
    print(json.dumps(report))


asyncio.run(asyncio.wait_for(main(), 120))
