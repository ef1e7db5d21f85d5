import DriverProtocol

/// What the driver asked to remember since the configuration was made, so that a restarted driver gets it back at once.
enum DriverMemories {
    /// Most entries and bytes kept for one bus: a few facts per device, no data store.
    static let entryLimit = 4_096
    static let byteLimit = 1_048_576

    /// Puts `memory` into `configure`, in place of an older one of the same device and key; an empty value removes it.
    ///
    /// - Returns: false when there is no room.
    static func merge(_ memory: DriverMemory, into configure: inout DriverConfigure) -> Bool {
        let index = configure.memories.firstIndex { $0.device == memory.device && $0.key == memory.key }
        if memory.value.isEmpty {
            if let index { configure.memories.remove(at: index) }
            return true
        }
        let others =
            configure.memories.reduce(0) { $0 + $1.value.count }
            - (index.map { configure.memories[$0].value.count } ?? 0)
        guard others + memory.value.count <= byteLimit, index != nil || configure.memories.count < entryLimit else {
            return false
        }
        if let index {
            configure.memories[index] = memory
        } else {
            configure.memories.append(memory)
        }
        return true
    }
}
