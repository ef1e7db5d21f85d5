internal import Synchronization

/// What all readings of one point have in common: whose they are, their unit and their class.
///
/// One object per point, made when the device is configured and shared by every reading, so that a reading costs no copies of
/// names. Two objects of equal content are equal: identity of the object is only a short cut.
public final class PointIdentity: Sendable {
    public let device: String
    /// What the same point of other devices has in common with it: a thousand meters of one product share forty of these.
    ///
    /// Inlinable, as what is read of it: each reading is asked for its names several times on its way.
    @usableFromInline let kind: Kind
    @inlinable public var point: String { kind.point }
    @inlinable public var unit: String { kind.unit }
    @inlinable public var keep: KeepClass { kind.keep }
    /// Bytes of device, point and unit together, in UTF-8.
    @inlinable public var nameBytes: Int { device.utf8.count + kind.nameBytes }
    /// Whether none of the three needs an escape inside a JSON string.
    public let isPlainText: Bool
    /// A place for a store to note where it keeps this point, see ``place(in:)``.
    private let noted = Atomic<UInt64>(0)

    public convenience init(device: String, point: String, unit: String, keep: KeepClass) {
        self.init(device: device, kind: Kind(point: point, unit: unit, keep: keep))
    }

    /// - Parameter kind: shared with the same point of devices alike.
    public init(device: String, kind: Kind) {
        self.device = device
        self.kind = kind
        isPlainText = kind.isPlainText && device.needsNoEscape
    }

    /// Name, unit and class of a point, whichever device it is of.
    public final class Kind: Sendable {
        public let point: String
        public let unit: String
        public let keep: KeepClass
        @usableFromInline let nameBytes: Int
        fileprivate let isPlainText: Bool

        public init(point: String, unit: String, keep: KeepClass) {
            self.point = point
            self.unit = unit
            self.keep = keep
            nameBytes = point.utf8.count + unit.utf8.count
            isPlainText = point.needsNoEscape && unit.needsNoEscape
        }
    }

    /// The index that a store noted last; nil when another store, or none, noted one.
    ///
    /// A short cut past a look-up by three texts. From any thread; a store must not rely on finding what it noted.
    ///
    /// - Parameter book: a number other than 0 that names the store's index, unique in the process.
    public func place(in book: UInt32) -> Int? {
        let word = noted.load(ordering: .relaxed)
        return UInt32(word >> 32) == book ? Int(UInt32(truncatingIfNeeded: word)) : nil
    }

    /// Notes an index from 0 to 2^32 - 1.
    public func note(place: Int, in book: UInt32) {
        noted.store(UInt64(book) << 32 | UInt64(UInt32(place)), ordering: .relaxed)
    }
}

extension PointIdentity: Hashable {
    public static func == (a: PointIdentity, b: PointIdentity) -> Bool {
        a === b
            || (a.device == b.device
                && (a.kind === b.kind || (a.point == b.point && a.unit == b.unit && a.keep == b.keep)))
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(device)
        hasher.combine(point)
        hasher.combine(unit)
        hasher.combine(keep)
    }
}

extension String {
    /// Whether it stands in a JSON string as it is.
    fileprivate var needsNoEscape: Bool {
        utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }
}

extension PointIdentity: CustomStringConvertible {
    public var description: String { "\(device) \(point)" }
}
