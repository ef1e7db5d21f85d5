public import Configuration
import DriverProtocol
import Glibc
import Outbox

/// Where a driver's program is.
public enum DriverPrograms {
    /// The manifest's executable: a whole path, a file in the driver's folder, or one beside this program.
    public static func path(of manifest: DriverManifest) -> String {
        if manifest.executable.hasPrefix("/") { return manifest.executable }
        let inFolder = manifest.folder + "/" + manifest.executable
        if access(inFolder, X_OK) == 0 { return inFolder }
        let beside = folderOfThisProgram() + "/" + manifest.executable
        return access(beside, X_OK) == 0 ? beside : inFolder
    }

    /// The folder this program was started from.
    public static func folderOfThisProgram() -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard length > 0 else { return "." }
        let path = String(decoding: buffer[0..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }
}

extension ConfigureMessage {
    static func memory(_ stored: StateStore.Memory) -> DriverMemory {
        var memory = DriverMemory()
        memory.device = stored.device
        memory.key = stored.key
        memory.value.append(contentsOf: stored.value)
        return memory
    }
}
