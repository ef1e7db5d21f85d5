internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A device of a profile without a bus: what it would make of given answers. For the profile's own tests and for trying it out.
struct ProfileBench {
    struct Problem: Error, Sendable, Hashable {
        let reason: String
    }

    let device: ModbusDevice
    /// Points that this device has.
    let names: Set<String>

    /// - Parameter site: keys of the site's file; nil for none.
    init(_ profile: ModbusProfile, site: DriverNode? = nil) throws(Problem) {
        let diagnostics = Diagnostics()
        var entry = DriverDevice()
        entry.name = "test"
        entry.profile = profile.name
        entry.options.map = DriverNode.Map()
        if case .map(let map)? = site?.value { entry.options.map.entries = map.entries }
        for (key, text) in [("address", "1")] {
            var given = DriverNode.Entry()
            given.key = key
            given.value.number = text
            entry.options.map.entries.append(given)
        }
        var options = DeviceOptions(entry, port: nil, profile: profile, diagnostics: diagnostics)
        // Tests show what registers mean; who answers is another question.
        options.isForced = true
        let bus = BusOptions(nil, port: nil, diagnostics: diagnostics)
        var builder = DeviceBuilder(options: bus, port: .hosts, diagnostics: diagnostics)
        guard let device = builder.device(entry, options, profile, link: 0) else {
            throw Problem(reason: diagnostics.all.first?.message ?? "the profile makes no device")
        }
        self.device = device
        names = Set(device.descriptors.map(\.name))
    }

    /// What is told after these answers; of a point that comes twice the last.
    func values(of answers: [ProfileTest.Answer]) -> [String: RegisterCodec.Decoded] {
        var decoder = device.decoder
        var told: [String: RegisterCodec.Decoded] = [:]
        for answer in answers {
            let covered = device.points.filter {
                $0.value.table == answer.table && answer.addresses.contains($0.value.addresses.lowerBound)
                    && answer.addresses.contains($0.value.addresses.upperBound)
            }
            let block = RegisterBlock(
                table: answer.table, address: answer.address, count: answer.count, points: covered.map(\.index),
                interval: .seconds(1))
            let values = decoder.decode(answer.table.isBits ? .bits(answer.bits) : .words(answer.words), block)
            for value in values { told[device.descriptors[value.point].name] = value.decoded }
        }
        return told
    }
}
