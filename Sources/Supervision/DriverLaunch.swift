import CLinux
import Glibc

/// How a driver's process is started.
struct DriverLaunch: Sendable {
    let bus: String
    /// Absolute.
    let executable: String
    let workingDirectory: String

    init(bus: String, executable: String, workingDirectory: String?) {
        self.bus = bus
        self.executable = Self.absolute(executable)
        let slash = self.executable.lastIndex(of: "/") ?? self.executable.startIndex
        let folder = String(self.executable[..<slash])
        self.workingDirectory = workingDirectory.map(Self.absolute) ?? (folder.isEmpty ? "/" : folder)
    }

    /// Everything a driver may know of its surroundings. Nothing else of the runtime's environment reaches it: no
    /// credentials, no library path, no home.
    static func environment(_ lookUp: (String) -> String?) -> [String] {
        var entries = ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
        for name in ["CANDELA_SIM_DIR", "TZ"] {
            if let value = lookUp(name) { entries.append("\(name)=\(value)") }
        }
        return entries
    }

    static func ownEnvironment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Starts the process. Must be called on the thread that will live as long as the process: it is killed when that thread
    /// ends (PR_SET_PDEATHSIG is of the thread, not of the process).
    ///
    /// - Returns: the process id, or the errno as a negative number.
    func spawn(stdin: Int32, stdout: Int32, stderr: Int32) -> Int32 {
        withCStrings([executable]) { arguments in
            withCStrings(Self.environment(Self.ownEnvironment)) { environment in
                candela_spawn(executable, arguments, environment, workingDirectory, stdin, stdout, stderr, true)
            }
        }
    }

    /// What happened and what to do.
    func explain(errno code: Int32) -> String {
        let what = "\(executable): \(String(cString: strerror(code)))"
        return switch code {
        case ENOENT:
            "\(what); the program, its interpreter or its working directory \(workingDirectory) is not there: install "
                + "the driver's package again"
        case EACCES, EPERM: "\(what); the file must be executable for the gateway's user (chmod a+rx)"
        case ENOEXEC: "\(what); it is no program for this processor, or a script without its #! line"
        case EAGAIN, ENOMEM, EMFILE, ENFILE: "\(what); the gateway is short of memory, processes or descriptors"
        default: what
        }
    }

    /// Whether trying again soon may help.
    static func isTransient(errno code: Int32) -> Bool { [EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY].contains(code) }

    /// A relative path would change its meaning with the working directory.
    private static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}

/// `strings` as a null-terminated array of C strings, valid during the call.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
}
