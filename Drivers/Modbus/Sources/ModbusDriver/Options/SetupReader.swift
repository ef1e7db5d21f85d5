internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Checks what the configuration wants to stand in a device, before anything is written.
struct SetupReader {
    let points: [DevicePoint]
    let diagnostics: Diagnostics

    func read(_ written: DriverNode?, at place: NodePlace) -> [SetupValue] {
        guard let written else { return [] }
        let entries = NodeMap(written, place: place, diagnostics: diagnostics).all()
        return entries.map { (point: $0.key, value: $0.value) }.compactMap { entry -> SetupValue? in
            guard let point = points.first(where: { $0.value.name == entry.point }) else {
                let nearest = NearestKey.find(entry.point, in: points.map(\.value.name))
                entry.value.error(
                    "this device has no point \(String(entry.point.prefix(60)))"
                        + (nearest.map { "; did you mean \($0)?" } ?? ""))
                return nil
            }
            guard let wanted = value(entry.value, point.value) else { return nil }
            do throws(RegisterCodec.Unwritable) {
                _ = try BusEngine.request(setting: point.value, to: wanted)
            } catch {
                entry.value.error(error.reason)
                return nil
            }
            return SetupValue(point: point.index, value: wanted)
        }
    }

    /// As the point's kind wants it.
    private func value(_ written: NodeValue, _ point: ProfileValue) -> Value? {
        if point.table == .coil { return written.flag().map { .flag($0) } }
        if point.kind == .text { return written.text().map { .text($0) } }
        return written.decimal().map { .number($0) }
    }
}
