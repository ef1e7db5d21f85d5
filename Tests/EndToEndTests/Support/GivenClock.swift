import Glibc
import Telemetry
import TestSupport

/// The daemon's clock in the test's hands: what time it is, whether the kernel's clock is disciplined, and which boot this is.
///
/// The daemon runs with Tests/Support/given-clock.c preloaded; its timers go by the true clock.
final class GivenClock: Sendable {
    private let folder = TemporaryFolder("candela-clock")

    /// Whether this machine can build the library.
    static let isAvailable: Bool = access("/usr/bin/cc", X_OK) == 0

    init() async throws {
        let built = try await run(
            "/usr/bin/cc",
            ["-shared", "-fPIC", "-o", folder("given-clock.so"), Project.root + "/Tests/Support/given-clock.c", "-ldl"])
        guard built.status == 0 else { throw Failure("given-clock.c: \(built.lines.joined(separator: "\n"))") }
        beginBoot("first")
        write(offset: 0, isDisciplined: false)
    }

    /// What the daemon is to be started with.
    var environment: [String: String] {
        [
            "LD_PRELOAD": folder("given-clock.so"), "CANDELA_GIVEN_CLOCK": folder("clock"),
            "CANDELA_GIVEN_BOOT": folder("boot"),
        ]
    }

    /// From now on it is this time, and time servers say so.
    func set(_ utc: UTCInstant) { write(offset: utc.nanoseconds - Self.truth, isDisciplined: true) }

    /// As a board without a battery clock stands after a reboot: in 1970, in a boot of its own.
    func reboot(_ boot: String) {
        beginBoot(boot)
        write(offset: -Self.truth, isDisciplined: false)
    }

    private func beginBoot(_ name: String) { folder.write("boot", name + "\n") }

    private static var truth: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    /// In place, since the daemon has the file mapped.
    private func write(offset: Int64, isDisciplined: Bool) {
        let descriptor = open(folder("clock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        withUnsafeBytes(of: (offset, Int64(isDisciplined ? 1 : 0))) {
            _ = pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
    }
}
