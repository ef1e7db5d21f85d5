/// Looks for a SunSpec map and walks its models. Pure: it says which registers to read next and is handed what came.
///
/// The identifier of a model is read by itself where it can be the end marker, for some devices have nothing after that
/// (SunSpec Device Information Model Specification; pysunspec2 says so of the field).
struct SunSpecWalk: Sendable {
    /// More models than any device has: a map that never ends is none.
    static let mostModels = 64

    struct Model: Sendable, Hashable {
        let id: Int
        /// Of its identifier register.
        let start: Int
        let length: Int
    }

    enum Step: Sendable, Hashable {
        case read(at: Int, count: Int)
        case found([Model])
        /// No SunSpec map, with the reason in words.
        case nothing(String)
    }

    private enum Stage {
        case marker(base: Int)
        case identifier
        case length(id: Int)
    }

    private var stage = Stage.marker(base: 0)
    private var position = 0
    private(set) var models: [Model] = []
    private(set) var base: Int?

    /// What to do next.
    var step: Step {
        switch stage {
        case .marker(let index):
            guard index < SunSpecModel.bases.count else {
                return .nothing("no SunS marker at \(SunSpecModel.bases.map(String.init).joined(separator: ", "))")
            }
            return .read(at: SunSpecModel.bases[index], count: 2)
        case .identifier:
            if models.count >= Self.mostModels || position > 0xFFFF {
                return .nothing("the map of models does not end")
            }
            return isAtEnd ? .found(models) : .read(at: position, count: 1)
        case .length: return .read(at: position + 1, count: 1)
        }
    }

    private var isAtEnd = false

    /// - Parameter words: what the device answered to the read of ``step``; nil where it refused.
    mutating func got(_ words: [UInt16]?) {
        switch stage {
        case .marker(let index):
            if words == SunSpecModel.marker {
                base = SunSpecModel.bases[index]
                position = SunSpecModel.bases[index] + 2
                stage = .identifier
            } else {
                stage = .marker(base: index + 1)
            }
        case .identifier:
            // Nothing more to read is an end as well.
            guard let id = words?.first, id != SunSpecModel.end else {
                isAtEnd = true
                return
            }
            stage = .length(id: Int(id))
        case .length(let id):
            guard let length = words?.first else {
                isAtEnd = true
                stage = .identifier
                return
            }
            models.append(Model(id: id, start: position, length: Int(length)))
            position += 2 + Int(length)
            stage = .identifier
        }
    }

    /// The meter models that the driver reads, long enough to be what they claim.
    static func usable(_ models: [Model]) -> [Model] {
        models.filter { SunSpecModel.known.contains($0.id) && $0.length >= SunSpecModel.leastLength($0.id) }
    }
}
