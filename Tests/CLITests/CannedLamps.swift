/// What the fake daemon answers of a DALI bus.
enum CannedLamps {
    static let scan =
        #"{"gear":[{"address":0,"device":"lamp-001","identity":"9900000004242/70001","remembered":true,"version":"2.0","types":[6,50,51,52],"physical_minimum":85,"level":200,"status":["lamp on"],"entry":"lamp-001: {bus: lamps, address: 0, profile: dali-d4i, gear: 9900000004242/70001}"},{"address":5,"version":"1","types":[6],"physical_minimum":85,"level":null,"status":["lamp failure","power cycle seen"],"entry":"lamp-005: {bus: lamps, address: 5, profile: dali-luminaire}","note":"more than one gear answers at this address"}],"sensors":[{"address":2,"instances":[{"number":0,"type":"light"}]}],"duplicates":[5],"unaddressed":1,"entries":["lamp-005: {bus: lamps, address: 5, profile: dali-luminaire}"],"seconds":41}"#

    static let estimate =
        #"{"line":"...","seconds":100,"interrupts":["lamp-001","lamp-002"],"interrupted_seconds":100,"interrupted_polls":20}"#

    static let commissioning =
        #"{"gear":[{"address":0,"random":"A1B2C3","identity":"9900000004242/70001","device":"lamp-001","action":"kept"},{"address":5,"random":"001234","action":"programmed"}],"problems":["lamp-002: its gear is nowhere on the bus"],"entries":["lamp-005: {bus: lamps, address: 5, profile: dali-luminaire}"],"seconds":98,"interrupted_polls":19}"#

    static let query =
        #"{"address":0,"device":"lamp-001","facts":[{"name":"status","value":"lamp on","note":"04"},{"name":"power-on level","value":"254","note":"FE"},{"name":"identity","value":"9900000004242/70001","note":"GTIN/number"}]}"#

    static let memory =
        #"{"bank":202,"name":"active energy, part 252","bytes":"0F -- FF 01 00 00 00 00 12 D6 87 FF 00 00 01 A4","fields":[{"name":"active_energy","value":1234567,"unit":"W.h"},{"name":"active_power","value":null,"unit":"W","quality":"notSupported"}]}"#

    static let replaced =
        #"{"device":"lamp-001","address":0,"before":"9900000004242/70001","identity":"9900000004242/80002"}"#

    static let raw =
        #"{"sent":"07 90","words":"A3 QUERY STATUS","outcome":"answer","answer":4,"answer_hex":"04","ms":47}"#
}
