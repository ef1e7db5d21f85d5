"""Judges SenML packs by RFC 8428, 8798 and 9100, knowing nothing of the gateway.

senml_judge.py FOLDER: for each NAME.json with its NAME.cbor beside it, one line per resolved record
`NAME|name|value|unit|time|extensions`, or `NAME|refused: why`. The first line says whether the RFC's own examples are understood.
"""

import json
import pathlib
import re
import sys
from decimal import Decimal

import cbor2
import senml

LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}
# RFC 8428, 12.1 without the names marked as not recommended, and RFC 8798, 2.
PRIMARY = set(
    "m kg s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat m2 m3 m/s m/s2 m3/s W/m2 cd/m2 "
    "bit bit/s lat lon pH dB dBW count / %RH %EL EL 1/s S/m B VA VAs var vars J/m kg/m3 deg".split()
)
# RFC 8798, 3.
SECONDARY = set(
    "ms min h MHz kW kVA kvar Ah Wh kWh varh kvarh kVAh Wh/km KiB GB Mbit/s B/s MB/s mV mA dBm ug/m3 mm/h m/h ppm "
    "/100 /1000 hPa mm cm km km/h".split()
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*\Z")
RELATIVE = 2**28


class Refused(Exception):
    pass


def labelled(records):
    """A pack of CBOR with the labels of JSON."""
    return [{LABELS[k] if isinstance(k, int) else k: v for k, v in r.items()} for r in records]


def resolve(records):
    base = {"bn": "", "bt": 0, "bu": None, "bv": None, "bs": None}
    version = 10
    resolved = []
    for record in records:
        version = record.get("bver", version)
        for label in base:
            base[label] = record.get(label, base[label])
        name = base["bn"] + record.get("n", "")
        if not NAME.match(name):
            raise Refused(f"{name!r} is no name")
        values = [label for label in ("v", "vs", "vb", "vd") if label in record]
        if len(values) != 1 and not (not values and ("s" in record or base["bv"] is not None)):
            raise Refused(f"{name} has {len(values)} values")
        kind = values[0] if values else "v"
        value = record.get(kind)
        expected = {"v": (int, float, Decimal), "vs": str, "vb": bool, "vd": (str, bytes)}[kind]
        if values and (not isinstance(value, expected) or (kind == "v" and isinstance(value, bool))):
            raise Refused(f"{name}: {kind} is {value!r}")
        if kind == "v" and base["bv"] is not None:
            value = base["bv"] + (value or 0)
        unit = record.get("u", base["bu"])
        if unit is not None and unit not in PRIMARY and not (unit in SECONDARY and version == 26):
            raise Refused(f"{name}: the unit {unit!r} in version {version}")
        time = base["bt"] + record.get("t", 0)
        extensions = {k: v for k, v in record.items() if k not in LABELS.values()}
        resolved.append((name, value, unit, time, extensions))
    return resolved


def accepted(records):
    """What a receiver that knows no extension takes."""
    if records and records[0].get("bver", 10) not in (10, 26):
        raise Refused("an unknown version")
    for record in records:
        for label in record:
            if label.endswith("_"):
                raise Refused(f"{label} must be understood")
    return resolve(records)


def second_opinion(text, resolved):
    """The package senml knows binary fractions only, and nothing of extensions."""
    document = senml.SenMLDocument.from_json(json.loads(text))
    for measurement, (name, value, unit, time, _) in zip(document.measurements, resolved, strict=True):
        other = measurement.to_absolute(document.base)
        same = other.name == name and other.unit == unit and abs(other.time - float(time)) < 0.0005
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            same = same and float(value) == float(other.value)
        else:
            same = same and value == other.value
        if not same:
            raise Refused(f"the package senml reads {other}")


def shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


# RFC 8428, 5.1.3 and section 6: the same pack in both forms.
EXAMPLE_JSON = """[
 {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
 {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},
 {"n":"current","t":-2,"v":1.5},{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]"""
EXAMPLE_CBOR = (
    "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c74"
    "61676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3f"
    "f4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e"
    "74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"
)


def examples():
    text = resolve(json.loads(EXAMPLE_JSON))
    binary = resolve(labelled(cbor2.loads(bytes.fromhex(EXAMPLE_CBOR))))
    assert text == binary, (text, binary)
    assert text[0][:4] == ("urn:dev:ow:10e2073a0108006:voltage", 120.1, "V", 1276020076.001)
    assert text[1][:4] == ("urn:dev:ow:10e2073a0108006:current", 1.2, "A", 1276020071.001)
    second_opinion(EXAMPLE_JSON, text)
    for wrong in (
        '[{"n":"a"}]', '[{"n":"-a","v":1}]', '[{"n":"a b","v":1}]', '[{"n":"a","v":1,"vs":"x"}]',
        '[{"n":"a","u":"kWh","v":1}]', '[{"n":"a","u":"W.h","v":1}]', '[{"n":"a","v":null}]', '[{"n":"a","v":1,"x_":1}]',
    ):
        try:
            accepted(json.loads(wrong))
        except Refused:
            continue
        raise AssertionError(f"accepted {wrong}")


def judge(file):
    text = file.read_text()
    records = json.loads(text, parse_float=Decimal)
    other = labelled(cbor2.loads(file.with_suffix(".cbor").read_bytes()))
    if records != other:
        raise Refused(f"JSON and CBOR differ: {records} {other}")
    resolved = accepted(records)
    second_opinion(text, resolved)
    for name, value, unit, time, extensions in resolved:
        if time < RELATIVE:
            raise Refused(f"{name} has no absolute time")
        print(file.stem, name, shown(value), unit, shown(time), json.dumps(extensions, sort_keys=True), sep="|")


examples()
print("the RFC's examples are understood")
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    try:
        judge(file)
    except Refused as why:
        print(f"{file.stem}|refused: {why}")
