"""Register images made from profiles, by docs/profile-format.md alone: nothing of the driver is used or copied.

An image holds plausible numbers for every value of a profile, and what must come out of them.
"""

import decimal
import os
import re
import struct

import yaml

decimal.getcontext().prec = 60
D = decimal.Decimal

WIDTHS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "u48": 3, "u64": 4, "i64": 4, "f64": 4, "bit": 1,
          "bcd16": 1, "bcd32": 2, "bcd48": 3, "bcd64": 4}

# Powers of ten of the units that the profiles use; units of different letters do not convert.
UNITS = {"W": ("W", 0), "kW": ("W", 3), "MW": ("W", 6), "kg": ("kg", 0), "t": ("kg", 3), "kg/h": ("kg/h", 0),
         "t/h": ("kg/h", 3), "m3/h": ("m3/h", 0), "L/h": ("m3/h", -3), "bar": ("Pa", 5), "kPa": ("Pa", 3),
         "MPa": ("Pa", 6), "Cel": ("Cel", 0), "kW.h": ("W.h", 3), "MW.h": ("W.h", 6), "m3": ("m3", 0), "L": ("m3", -3)}

# What a meter of the field might show, by the first word of the quantity that fits.
PLAUSIBLE = [
    ("power_factor", "0.98"), ("voltage_angle", "120.5"), ("phase_angle", "12.5"), ("voltage_thd", "2.25"),
    ("current_thd", "3.25"), ("thd", "2.75"), ("voltage_unbalance", "0.75"), ("current_unbalance", "1.25"),
    ("voltage_peak", "325.5"), ("supply_voltage", "3.5"), ("voltage", "231.4"), ("current_peak", "9.5"),
    ("current", "5.25"), ("frequency", "50.02"), ("active_power", "1093.5"), ("reactive_power", "310.5"),
    ("apparent_power", "1140.5"), ("active_energy", "18234.5"), ("reactive_energy", "2034.25"),
    ("apparent_energy", "19034.75"), ("charge", "812.5"), ("heat_energy", "45321.5"), ("cooling_energy", "321.5"),
    ("heat_power", "7.5"), ("cooling_power", "1500"), ("water_volume", "4321.5"), ("water_flow", "1.25"),
    ("water_pressure", "0.5"), ("water_temperature", "12.25"), ("flow_temperature", "61.25"),
    ("return_temperature", "41.5"), ("temperature_difference", "19.75"), ("temperature", "33.5"),
    ("gas_volume", "18765.4321"), ("gas_flow", "2.5"), ("gas_pressure", "1.0625"), ("gas_temperature", "11.5"),
    ("gas_conversion_factor", "1.03125"), ("device_temperature", "31.5"), ("operating_time", "12345"),
    ("pulse_counter", "987654"), ("ct_ratio", "40"), ("vt_ratio", "1"), ("battery", "87"), ("signal_quality", "75"),
    ("speed_of_sound", "1482.5"), ("velocity", "1.5"), ("nominal_frequency", "50"), ("setpoint", "0.5"),
    ("relative_position", "0.25"),
]


def number(text):
    return text if isinstance(text, int) else int(str(text), 0)


class Value:
    """One point of a profile with its place on the wire."""

    def __init__(self, line, name, quantity, tag, table, address, profile):
        self.line, self.name, self.quantity, self.tag = line, name, quantity, tag
        self.table, self.address = table, address
        self.type = "bit" if table in ("coil", "discrete") else line.get("as")
        self.word_order = line.get("word_order", profile.numbers.get("word_order", "high_first"))
        self.byte_order = line.get("byte_order", profile.numbers.get("byte_order", "normal"))
        defaults = profile.document.get("defaults_for_values", {})
        absent = line.get("absent", defaults.get("absent", []))
        absent = absent if isinstance(absent, list) else [absent]
        bits = width(self.type) * 16 if self.type else 0
        # A common sentinel is one of the value's own width.
        if "absent" not in line:
            absent = [a for a in absent if bits and (1 << (bits - 1)) - 1 <= a < (1 << bits)]
        self.absent = [] if (self.type or "").startswith("text") else absent
        self.mask = None
        self.bit = None

    @property
    def unit(self):
        return "" if self.bit is not None else self.line.get("unit", "")

    @property
    def width(self):
        return width(self.type)

    @property
    def addresses(self):
        return range(self.address, self.address + self.width)


def width(kind):
    match = re.fullmatch(r"(text|text_utf16|words)\[(\d+)\]", kind)
    return int(match[2]) if match else WIDTHS[kind]


class Profile:
    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as file:
            self.document = yaml.safe_load(file)
        self.numbers = self.document.get("numbers", {})
        self.limits = self.document.get("limits", {})
        self.registers = self.document.get("kind", "registers") == "registers"
        self.values = []
        for line in self.document.get("values", []) if self.registers else []:
            self.expand(line)
        self.by_name = {value.name: value for value in self.values}

    def wire(self, at, table):
        base, at = self.numbers.get("base", "wire"), number(at)
        if base == "one_based":
            return at - 1
        if base == "wire_minus_30000":
            return at - 30000
        if base == "modicon":
            digit = {"coil": 0, "discrete": 1, "input": 3, "holding": 4}[table]
            return at - digit * (100000 if at >= 100000 else 10000) - 1
        return at

    def expand(self, line):
        table = line.get("table", self.numbers.get("table", "holding"))
        repeats = line.get("instances")
        if repeats is None:
            self.add(line, table, {}, 0)
            return
        for index in range(repeats.get("count", len(repeats.get("channels", repeats.get("phases", [])))
                                       or len(repeats.get("tariffs", [])))):
            tags = {}
            if "phases" in repeats:
                tags["phase"] = repeats["phases"][index]
            elif "tariffs" in repeats:
                tags["tariff"] = repeats["tariffs"][index]
            else:
                tags["channel"] = repeats.get("channels", list(range(1, 100)))[index]
            self.add(line, table, tags, index * number(repeats["stride"]))

    def add(self, line, table, tags, shift):
        tags = {"channel": line.get("channel"), "phase": line.get("phase"), "tariff": line.get("tariff")} | tags
        suffix = f".ch{tags['channel']}" if tags["channel"] else ""
        if tags["phase"] not in (None, "total"):
            suffix += f".{tags['phase']}"
        tariff = f".T{tags['tariff']}" if tags["tariff"] else ""
        address = self.wire(line["at"], table) + shift if "at" in line else None
        if "bits" in line:
            for mask, name in line["bits"].items():
                value = Value(line, name + suffix, name, tags, table, address, self)
                value.bit = number(mask)
                self.values.append(value)
            return
        self.values.append(Value(line, line["quantity"] + suffix + tariff, line["quantity"], tags, table, address, self))


# MARK: registers


def words_of(raw, count, low_first, swapped):
    words = [(raw >> (16 * (count - 1 - index))) & 0xFFFF for index in range(count)]
    return ordered(words, low_first, swapped)


def ordered(words, low_first, swapped):
    if swapped:
        words = [(word >> 8 | word << 8) & 0xFFFF for word in words]
    return words[::-1] if low_first else list(words)


def raw_of(words, low_first, swapped):
    raw = 0
    for word in ordered(words, low_first, swapped):
        raw = raw << 16 | word
    return raw


def shortest_float(bits, single):
    """The decimal number that a float's bits stand for, with the fewest digits that lead back to them."""
    code = ">f" if single else ">d"
    value = struct.unpack(code, bits.to_bytes(4 if single else 8, "big"))[0]
    if value != value or value in (float("inf"), float("-inf")):
        return None
    for digits in range(0, 17):
        text = f"{value:.{digits}e}"
        try:
            if struct.pack(code, float(text)) == struct.pack(code, value):
                return D(text)
        except OverflowError:
            continue
    return D(repr(value))


def float_bits(value, single):
    return int.from_bytes(struct.pack(">f" if single else ">d", float(value)), "big")


class Image:
    """Registers of one device, and what they mean."""

    def __init__(self, profile):
        self.profile = profile
        self.tables = {"holding": {}, "input": {}, "coil": {}, "discrete": {}}
        # Registers that answer something else when they are asked for alone.
        self.singles = {"holding": {}, "input": {}, "coil": {}, "discrete": {}}
        self.identity()
        for index, value in enumerate(profile.values):
            self.index = index
            if value.address is not None:
                self.fill(value)
        self.expected = {value.name: self.decode(value) for value in profile.values}

    # MARK: to registers

    def identity(self):
        for line in self.profile.document.get("identify", []):
            wanted = line.get("equals", line.get("one_of", line.get("starts_with")))
            if isinstance(wanted, (dict, list)):
                wanted = list(wanted)[0]
            value = self.operand(line)
            if isinstance(wanted, str):
                raw = wanted.encode().ljust(value.width * 2, b"\0")
                self.write(value, [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)])
            else:
                self.write(value, words_of(wanted, value.width, value.word_order == "low_first", False))

    def operand(self, line):
        table = line.get("table", self.profile.numbers.get("table", "holding"))
        return Value(line, None, None, {}, table, self.profile.wire(line["at"], table), self.profile)

    def registers(self, value):
        return (self.singles if value.line.get("alone") else self.tables)[value.table]

    def write(self, value, words):
        for address, word in zip(value.addresses, words):
            self.registers(value).setdefault(address, word)

    def is_written(self, value):
        return any(address in self.registers(value) for address in value.addresses)

    def read(self, value):
        return [self.registers(value).get(address, 0) for address in value.addresses]

    def put_raw(self, value, raw):
        low, swapped = value.word_order == "low_first", value.byte_order == "swapped"
        bits = value.width * 16
        self.write(value, words_of(raw & ((1 << bits) - 1), value.width, low, swapped))

    def put_number(self, value, wanted):
        """The nearest number that the register can hold."""
        kind, codec = value.type, value.line.get("codec")
        if kind in ("f32", "f64"):
            return self.put_raw(value, float_bits(wanted, kind == "f32"))
        whole = int(wanted.to_integral_value())
        if kind.startswith("bcd") or codec == "bcd":
            return self.put_raw(value, int(str(abs(whole)), 16))
        if codec in ("mod10000", "decimal_groups"):
            groups = [whole // 10000 ** (value.width - 1 - index) % 10000 for index in range(value.width)]
            return self.write(value, ordered(groups, value.word_order == "low_first", False))
        if codec == "sign_magnitude":
            return self.put_raw(value, abs(whole) | (1 << (value.width * 16 - 1)))
        bits = value.width * 16
        limit = (1 << (bits - 1 if kind.startswith("i") else bits)) - 2
        return self.put_raw(value, max(-limit if kind.startswith("i") else 0, min(limit, whole)))

    def put_operand(self, line, raw):
        if isinstance(line, dict):
            value = self.operand(line)
            if not self.is_written(value):
                self.put_number(value, D(raw)) if not isinstance(raw, str) else self.put_text(value, raw)

    def put_text(self, value, text):
        if value.type.startswith("text_utf16"):
            self.write(value, [ord(character) for character in text.ljust(value.width, "\0")][: value.width])
            return
        data = text.encode().ljust(value.width * 2, b"\0")[: value.width * 2]
        words = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        self.write(value, ordered(words, value.word_order == "low_first", value.byte_order == "swapped"))

    def fill(self, value):
        line = value.line
        if self.is_written(value):
            return
        self.fill_helpers(value)
        if value.type == "bit":
            self.write(value, [self.index % 2])
        elif value.type.startswith("text"):
            self.put_text(value, f"{self.profile.name[:3].upper()}{self.index % 10}")
        elif line.get("codec") == "schneider_datetime":
            # 2026-03-29 02:15:07.500, a Sunday, without the flag "invalid"
            self.write(value, [26, 3 << 8 | 7 << 5 | 29, 2 << 8 | 15, 7500])
        elif line.get("codec") == "pm800_datetime":
            self.write(value, [3 << 8 | 29, 126 << 8 | 2, 15 << 8 | 7])
        elif "enum" in line:
            self.put_raw(value, number(list(line["enum"])[self.index % len(line["enum"])]))
        elif value.bit is not None:
            self.put_raw(value, value.bit)
        elif line.get("kind") == "text":
            self.put_number(value, D(1234 + self.index))
        elif line.get("codec") == "pf_four_quadrant":
            self.put_number(value, D("1.25"))
        elif line.get("mask") is not None:
            self.put_raw(value, 75)
        else:
            self.put_number(value, self.plausible(value))

    def plausible(self, value):
        nominal = next((D(number) for start, number in PLAUSIBLE if value.quantity.startswith(start)), D("7.5"))
        if value.tag.get("phase") in ("L1-L2", "L2-L3", "L3-L1", "avg-LL") and value.quantity == "voltage":
            nominal = D("400.5")
        steps = {"m3/h": D(1), "L/h": D(1000), "W": D(1), "kW": D("0.001"), "MPa": D(1), "bar": D(10), "kPa": D(100)}
        unit = value.line.get("unit", "")
        if value.quantity == "water_flow" or value.quantity.startswith("water_pressure") or "_power" in value.quantity \
                and value.quantity.startswith(("active", "reactive", "apparent")):
            nominal *= steps.get(unit, D(1))
        nominal += D(self.index % 7) / (-100 if value.quantity.startswith("power_factor") else 4)
        raw = nominal / D(str(value.line.get("scale", 1)))
        helper = value.line.get("scale_from")
        if helper:
            raw *= {"exponent10": D(10), "divisor": D(1000)}.get(helper["kind"], D(1))
        return raw

    def fill_helpers(self, value):
        line = value.line
        helper = line.get("scale_from")
        if helper:
            raw = {"exponent10": -1, "factor": 2, "divisor": 1000}.get(helper["kind"])
            self.put_operand(helper, number(list(helper["map"])[0]) if raw is None else raw)
        if "unit_from" in line:
            first = list(line["unit_from"]["map"])[-1]
            self.put_operand(line["unit_from"], first)
        if "sign_from" in line:
            self.put_operand(line["sign_from"], 1)
        for key in ("plus", "minus"):
            if isinstance(line.get(key), dict):
                self.put_operand(line[key], D("0.625"))
        for gate in aslist(line.get("good_when")):
            good = gate.get("equals", 0) if "mask" not in gate else 0
            if "low_byte_above" in gate:
                good = 0x0300 | 75
            self.put_operand(gate, good)
        for side, raw in (("ct", 40), ("vt", 10)):
            self.put_operand(self.profile.document.get("ratios", {}).get(side), raw)

    # MARK: to values

    def decode(self, value):
        """Text of the value, True or False for a flag, None for a bad one."""
        line = value.line
        if "sum_of" in line:
            parts = [self.decode(self.profile.by_name[name]) for name in line["sum_of"]]
            return None if None in parts else plain(sum(D(part) for part in parts))
        for gate in aslist(line.get("good_when")):
            if not self.is_good(gate):
                return None
        words = self.read(value)
        low, swapped = value.word_order == "low_first", value.byte_order == "swapped"
        if value.type == "bit":
            return bool(words[0])
        if value.type.startswith("text"):
            return self.text(value, ordered(words, low, swapped))
        raw = raw_of(words, low, swapped)
        if raw in value.absent:
            return None
        if line.get("mask") is not None:
            raw &= number(line["mask"])
        if value.bit is not None:
            return raw & value.bit != 0
        if "enum" in line:
            return line["enum"][raw]
        if line.get("codec") in ("schneider_datetime", "pm800_datetime"):
            return "2026-03-29T02:15:07"
        number_ = self.number(value, raw, words)
        if number_ is None:
            return None
        if line.get("kind") == "text":
            return str(number_)
        return self.computed(value, number_)

    def number(self, value, raw, words):
        kind, codec, bits = value.type, value.line.get("codec"), value.width * 16
        if kind in ("f32", "f64"):
            number_ = shortest_float(raw, kind == "f32")
        elif kind.startswith("bcd") or codec == "bcd":
            number_ = D(f"{raw:x}")
        elif codec in ("mod10000", "decimal_groups"):
            groups = ordered(words, value.word_order == "low_first", False)
            number_ = D(sum(group * 10000 ** (len(groups) - 1 - index) for index, group in enumerate(groups)))
        elif codec == "sign_magnitude":
            top = 1 << (bits - 1)
            number_ = D(-(raw - top) if raw & top else raw)
        elif kind.startswith("i") and raw >> (bits - 1):
            number_ = D(raw - (1 << bits))
        else:
            number_ = D(raw)
        if number_ is not None and codec == "pf_four_quadrant" and abs(number_) > 1:
            number_ = (2 if number_ > 0 else -2) - number_
        return number_

    def operand_number(self, line):
        value = self.operand(line)
        words = self.read(value)
        raw = raw_of(words, value.word_order == "low_first", value.byte_order == "swapped")
        return self.number(value, raw, words) * D(str(line.get("scale", 1)))

    def computed(self, value, number_):
        line = value.line
        for key, sign in (("plus", 1), ("minus", -1)):
            if isinstance(line.get(key), dict):
                number_ += sign * self.operand_number(line[key])
        number_ *= D(str(line.get("scale", 1)))
        helper = line.get("scale_from")
        if helper:
            raw = self.operand_number(helper)
            if helper["kind"] == "exponent10":
                number_ *= D(10) ** raw
            elif helper["kind"] == "divisor":
                number_ /= raw
            else:
                number_ *= D(str({number(key): factor for key, factor in helper["map"].items()}[int(raw)]))
        if "unit_from" in line:
            source = self.operand(line["unit_from"])
            code = self.text(source, self.read(source)) if source.type.startswith("text") else int(
                self.operand_number(line["unit_from"]))
            given, own = UNITS[line["unit_from"]["map"][code]], UNITS[line["unit"]]
            number_ *= D(10) ** (given[1] - own[1])
        if self.profile.limits.get("ratio") == "ct_and_vt_registers" and line.get("ratio") != "none":
            ct, vt = (self.operand_number(self.profile.document["ratios"][side]) for side in ("ct", "vt"))
            unit = str(line.get("unit", ""))
            if unit in ("A", "mA"):
                number_ *= ct
            elif unit in ("V", "kV"):
                number_ *= vt
            elif unit.lstrip("kM") in ("W", "var", "V.A", "W.h", "var.h", "V.A.h"):
                number_ *= ct * vt
        if "sign_from" in line and self.operand_number(line["sign_from"]) != 0:
            number_ = -number_
        if "auto_scale" in line and abs(number_) > D(str(line["auto_scale"]["above"])):
            number_ *= D(str(line["auto_scale"]["factor"]))
        for key, sign in (("plus", 1), ("minus", -1)):
            if isinstance(line.get(key), str):
                other = self.decode(self.profile.by_name[line[key]])
                if other is None:
                    return None
                number_ += sign * D(other)
        return plain(number_)

    def is_good(self, gate):
        raw = int(self.operand_number({key: gate[key] for key in ("at", "as", "table", "word_order", "byte_order") if key in gate}))
        if "mask" in gate:
            return raw & number(gate["mask"]) == number(gate.get("equals", 0))
        if "low_byte_above" in gate:
            return raw & 0xFF > gate["low_byte_above"]
        return raw == number(gate["equals"])

    def text(self, value, words):
        if value.type.startswith("text_utf16"):
            return "".join(map(chr, words)).split("\0")[0].rstrip()
        data = b"".join(word.to_bytes(2, "big") for word in words)
        return data.split(b"\0")[0].decode().rstrip()

    # MARK: sentinels

    def spoiled(self, turn):
        """An image of the same device in which every value that can say "not available" says so with its sentinel
        number `turn`, and what must come out; None when no value has so many sentinels."""
        other = Image.__new__(Image)
        other.profile = self.profile
        other.singles = self.singles
        other.tables = {table: dict(registers) for table, registers in self.tables.items()}
        shared = self.shared_registers()
        touched = False
        for value in self.profile.values:
            if value.address is None or value.type == "bit" or value.bit is not None or value.line.get("kind") == "text":
                continue
            if value.line.get("alone") or any((value.table, address) in shared for address in value.addresses):
                continue
            sentinels = list(value.absent)
            if value.type in ("f32", "f64"):
                single = value.type == "f32"
                sentinels += [0x7FC00000, 0xFF800000] if single else [0x7FF8 << 48, 0xFFF0 << 48]
            if turn >= len(sentinels):
                continue
            touched = True
            low, swapped = value.word_order == "low_first", value.byte_order == "swapped"
            words = words_of(sentinels[turn], value.width, low, swapped)
            for address, word in zip(value.addresses, words):
                other.tables[value.table][address] = word
        if not touched:
            return None
        other.expected = {value.name: other.decode(value) for value in self.profile.values}
        return other

    def shared_registers(self):
        """Registers of helpers and identifications, and those of more than one value."""
        seen, shared = set(), set()
        for value in self.profile.values:
            for address in value.addresses if value.address is not None and not value.line.get("alone") else []:
                key = (value.table, address)
                shared.add(key) if key in seen else seen.add(key)
        ratios = self.profile.document.get("ratios", {}).values()
        for line in list(self.profile.document.get("identify", [])) + list(ratios):
            shared |= {(self.operand(line).table, address) for address in self.operand(line).addresses}
        for value in self.profile.values:
            for key in ("scale_from", "unit_from", "plus", "minus", "sign_from", "good_when"):
                for line in aslist(value.line.get(key)):
                    if isinstance(line, dict):
                        shared |= {(self.operand(line).table, address) for address in self.operand(line).addresses}
        return shared


def aslist(item):
    return [] if item is None else item if isinstance(item, list) else [item]


def plain(number_):
    number_ = number_.normalize()
    return format(number_, "f") if number_ != 0 else "0"

