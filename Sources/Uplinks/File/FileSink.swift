internal import CLinux
internal import Glibc

/// Why lines could not be written.
struct FileFailure: Error, CustomStringConvertible {
    /// No space or no quota: the file itself is sound, and there may be space later.
    let isFull: Bool
    let description: String

    init(_ what: String, _ path: String, code: Int32) {
        isFull = code == ENOSPC || code == EDQUOT || code == EFBIG
        description = "\(path): \(what): \(String(cString: strerror(code)))"
    }

    init(_ path: String, _ problem: String) {
        isFull = false
        description = "\(path): \(problem)"
    }
}

/// An open file, pipe or terminal that takes whole lines. A file of lines ends with a whole line at any time: what was cut off by a full
/// disk or a crash is taken back.
struct FileSink: ~Copyable {
    let path: String
    /// Only a regular file is synced, rotated and mended; the rest passes on what it gets.
    let isRegular: Bool
    private let descriptor: Int32
    private(set) var length: Int64 = 0

    /// What may still stand behind the last whole line is looked for in steps of this size.
    private static let tailStep = 65_536

    private init(_ path: String, _ descriptor: Int32, isRegular: Bool) {
        self.path = path
        self.descriptor = descriptor
        self.isRegular = isRegular
    }

    /// Opens what is there, or makes a file.
    static func open(_ path: String) throws(FileFailure) -> FileSink {
        var information = stat()
        let exists = stat(path, &information) == 0
        let isRegular = !exists || information.st_mode & S_IFMT == S_IFREG
        if exists, information.st_mode & S_IFMT == S_IFDIR { throw FileFailure(path, "is a folder; expected a file") }
        // Non-blocking, so that a pipe without a reader says so instead of holding this thread.
        let flags = isRegular ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_WRONLY | O_NONBLOCK | O_CLOEXEC
        let descriptor = Glibc.open(path, flags, 0o640)
        guard descriptor >= 0 else {
            if errno == ENXIO { throw FileFailure(path, "nobody reads the pipe") }
            throw FileFailure("cannot be opened", path, code: errno)
        }
        var sink = FileSink(path, descriptor, isRegular: isRegular)
        guard isRegular else { return sink }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw FileFailure(path, "another process writes it")
        }
        if let code = sink.mendTail() { throw FileFailure("cannot be mended", path, code: code) }
        if !exists { Self.syncFolder(of: path) }
        return sink
    }

    deinit { close(descriptor) }

    /// Cuts what stands behind the last line's end.
    private mutating func mendTail() -> Int32? {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { return errno }
        length = Int64(information.st_size)
        var end = length
        var chunk = [UInt8](repeating: 0, count: Self.tailStep)
        while end > 0 {
            let start = max(0, end - Int64(Self.tailStep))
            let got = pread(descriptor, &chunk, Int(end - start), off_t(start))
            guard got == Int(end - start) else { return got < 0 ? errno : EIO }
            if let newline = chunk[..<got].lastIndex(of: UInt8(ascii: "\n")) {
                end = start + Int64(newline) + 1
                break
            }
            end = start
        }
        guard end < length else { return nil }
        guard ftruncate(descriptor, off_t(end)) == 0 else { return errno }
        length = end
        return nil
    }

    /// Whether the path still means this file: it may have been moved or removed by hand.
    var isInPlace: Bool {
        var (mine, there) = (stat(), stat())
        guard fstat(descriptor, &mine) == 0, stat(path, &there) == 0 else { return false }
        return mine.st_dev == there.st_dev && mine.st_ino == there.st_ino
    }

    /// Writes all of it, or nothing of it stays.
    ///
    /// - Parameters:
    ///   - stall: how long a pipe may take nothing.
    ///   - isCalledOff: asked while a pipe is full.
    mutating func write(
        _ line: [UInt8], stall: Duration, isCalledOff: () -> Bool
    ) throws(FileFailure) {
        var done = 0
        var lastProgress = ContinuousClock.now
        while done < line.count {
            let written = line.withUnsafeBytes { writeRest($0, done, descriptor) }
            if written > 0 {
                done += written
                lastProgress = ContinuousClock.now
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN where ContinuousClock.now - lastProgress < stall && !isCalledOff(): waitForRoom()
            case EAGAIN: throw FileFailure(path, "the reader of the pipe takes nothing")
            case EPIPE: throw FileFailure(path, "the reader of the pipe went away")
            default:
                let code = errno
                if isRegular { _ = ftruncate(descriptor, off_t(length)) }
                throw FileFailure("cannot be written", path, code: code)
            }
        }
        length += Int64(line.count)
    }

    /// A tenth of a second at most, so that a stop is not late.
    private func waitForRoom() {
        var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&place, 1, 100)
    }

    /// Until it is on the medium. Of a pipe nothing can be said.
    func sync() throws(FileFailure) {
        guard isRegular else { return }
        // Some file systems cannot; then nobody can promise more than they do.
        guard fdatasync(descriptor) != 0, errno != EINVAL, errno != ENOSYS else { return }
        throw FileFailure("cannot be made durable", path, code: errno)
    }

    // MARK: - Beside the open file

    /// `path` becomes `path.1`, `path.1` becomes `path.2`; the one behind `kept` goes.
    static func rotate(_ path: String, kept: Int) throws(FileFailure) {
        for number in stride(from: kept - 1, through: 1, by: -1) {
            guard rename("\(path).\(number)", "\(path).\(number + 1)") != 0, errno != ENOENT else { continue }
            throw FileFailure("\(path).\(number) cannot be renamed", path, code: errno)
        }
        guard rename(path, "\(path).1") == 0 else { throw FileFailure("cannot be set aside", path, code: errno) }
        syncFolder(of: path)
    }

    /// Puts a document in place of the former one, whole at any time.
    static func replace(_ path: String, with bytes: [UInt8]) throws(FileFailure) {
        let fresh = path + ".new"
        let descriptor = Glibc.open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileFailure("cannot be written", path, code: errno) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { writeRest($0, done, descriptor) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                let code = errno
                close(descriptor)
                unlink(fresh)
                throw FileFailure("cannot be written", path, code: code)
            }
            done += written
        }
        close(descriptor)
        guard rename(fresh, path) == 0 else { throw FileFailure("cannot be replaced", path, code: errno) }
    }

    /// A new or renamed file is only found again after a power cut when its folder is on the medium.
    private static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}

/// What is left of `bytes` from `done` on.
private func writeRest(_ bytes: UnsafeRawBufferPointer, _ done: Int, _ descriptor: Int32) -> Int {
    guard let start = bytes.baseAddress else { return 0 }
    return write(descriptor, start + done, bytes.count - done)
}
