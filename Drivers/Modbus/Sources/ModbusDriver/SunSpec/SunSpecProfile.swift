internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Values of a profile whose addresses the device tells itself.
struct SunSpecProfile {
    let diagnostics: Diagnostics
    let place: NodePlace

    /// Where the first meter model is as long as nothing is known: after a common model of usual length.
    private static let provisional = 40_002
    private static let provisionalMeter = 40_070

    /// The points of all the models that the profile names; the first of them gives the addresses until the device was asked.
    func fill(_ profile: inout ModbusProfile) {
        profile.limits.gaps = .readable
        let models = profile.informationModels
        if !models.contains(where: { $0 != SunSpecModel.common }) {
            diagnostics.error(
                "no meter model among the models; expected 201 to 204 or 211 to 214", at: place.appending("models"))
        }
        for model in models {
            let start = model == SunSpecModel.common ? Self.provisional : Self.provisionalMeter
            for var value in SunSpecModel.values(model, at: start) {
                if let known = profile.values.firstIndex(where: { $0.name == value.name }) {
                    profile.values[known].informationModels?.append(model)
                } else {
                    value.informationModels = [model]
                    profile.values.append(value)
                }
            }
        }
    }
}

/// A device of a SunSpec profile from its first contact until it is known where its models are.
struct SunSpecDiscovery: Sendable {
    var walk = SunSpecWalk()
    let site: DeviceOptions
    let profile: ModbusProfile

    /// The points as they lie in this device, in the order of `points`.
    ///
    /// - Returns: the points, and those of them that the device does not have.
    func placed(_ points: [DevicePoint], _ models: [SunSpecWalk.Model]) -> (points: [DevicePoint], missing: Set<Int>) {
        var found = profile
        found.values = []
        let usable = SunSpecWalk.usable(models).filter { model in
            profile.informationModels.contains(model.id)
                && (site.sunspecModel == nil || model.id == site.sunspecModel || model.id == SunSpecModel.common)
        }
        for model in usable {
            let known = Set(found.values.map(\.name))
            // Of several instances of a model the first one is read.
            found.values += SunSpecModel.values(model.id, at: model.start).filter { !known.contains($0.name) }
        }
        let nobody = Diagnostics()
        let fitting = SiteFitting(site: site, profile: found, diagnostics: nobody, place: NodePlace(.bus))
        let values = Dictionary(fitting.visible().map { ($0.name, $0) }) { first, _ in first }
        var missing: Set<Int> = []
        var visible = points.filter { !$0.isHidden }
        for index in visible.indices {
            let old = visible[index]
            guard let value = values[old.value.name] else {
                missing.insert(old.index)
                continue
            }
            visible[index] = DevicePoint(
                index: old.index, value: value, interval: old.interval, wantsRaw: old.wantsRaw, boundary: old.boundary)
        }
        let hidden = HiddenPoints(
            visible: visible, originals: fitting.originals(), identification: [], isInverted: site.isInverted
        ).all()
        return (visible + hidden, missing)
    }
}
