import ArgumentParser

/// What a program ends with, as docs/cli.md lists it.
enum ExitStatus {
    static let failed = ExitCode(1)
    static let wrongUsage = ExitCode(2)
    static let daemonNotReachable = ExitCode(3)
    static let noAnswer = ExitCode(4)
}

/// Something went wrong that the person must read; it ends the program with its own exit status.
struct CommandFailure: Error {
    let status: ExitCode
    let message: String
    let hint: String

    init(_ status: ExitCode, _ message: String, hint: String = "") {
        self.status = status
        self.message = message
        self.hint = hint
    }
}
