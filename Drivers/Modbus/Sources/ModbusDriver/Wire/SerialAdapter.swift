internal import Glibc

/// Which adapter a serial port belongs to, as the kernel tells it in sysfs: an adapter that is pulled and plugged again may come
/// back under another name, and is the same one all the same.
struct SerialAdapter: Sendable, Hashable, CustomStringConvertible {
    let vendor: String
    let product: String
    /// Empty where the maker gave none (most CH340).
    let serial: String
    /// Adapters with several ports number them here.
    let interface: String
    /// The socket of the machine it is plugged into: "1-1.4".
    let socket: String

    /// Without a serial number only the socket tells two adapters of one kind apart.
    func isSame(as other: SerialAdapter) -> Bool {
        guard vendor == other.vendor, product == other.product, interface == other.interface, serial == other.serial
        else { return false }
        return serial.isEmpty ? socket == other.socket : true
    }

    var description: String {
        "USB adapter \(vendor):\(product)" + (serial.isEmpty ? " in socket \(socket)" : " number \(serial)")
            + (interface.isEmpty || interface == "00" ? "" : " port \(interface)")
    }
}

/// Finds serial ports and their adapters in sysfs.
struct SerialPortFinder: Sendable {
    /// From a tty up to the device of the USB bus that it belongs to there are at most three folders; more is another kind of bus.
    static let deepest = 6

    /// Where sysfs and the device files are; tests make their own.
    var sysfs = "/sys"
    var devices = "/dev"

    /// The path to open: `path` as it is, or where its adapter has gone since.
    ///
    /// A link of udev (by-id, by-path) is followed anew at each opening, so it needs no help. A bare name (`/dev/ttyUSB0`) that
    /// has vanished, or belongs to another adapter now, is looked for by `adapter`.
    func resolve(_ path: String, last adapter: SerialAdapter?) throws(LinkFailure) -> String {
        let present = Self.canonical(path)
        guard let adapter else { return path }
        if let present {
            // What tells nothing about itself is taken at its name.
            guard let now = self.adapter(of: present), !now.isSame(as: adapter) else { return path }
        }
        let found = names(in: "\(sysfs)/class/tty").filter { name in
            self.adapter(of: "\(devices)/\(name)")?.isSame(as: adapter) ?? false
        }
        if found.count == 1 { return "\(devices)/\(found[0])" }
        if found.count > 1 {
            throw LinkFailure(
                message: "\(path) is gone and the \(adapter) is there \(found.count) times "
                    + "(\(found.joined(separator: ", "))): name the port by its path in /dev/serial/by-path",
                isRetriable: true)
        }
        guard present != nil else { return path }
        throw LinkFailure(
            message: "\(path) is another adapter now, and the \(adapter) that it was is not plugged in",
            isRetriable: true)
    }

    /// nil for a port that is not on USB.
    func adapter(of path: String) -> SerialAdapter? {
        guard let name = (Self.canonical(path) ?? path).split(separator: "/").last,
            var folder = Self.canonical("\(sysfs)/class/tty/\(name)/device")
        else { return nil }
        var interface = ""
        for _ in 0..<Self.deepest {
            if interface.isEmpty, let number = text("\(folder)/bInterfaceNumber") { interface = number }
            if let vendor = text("\(folder)/idVendor"), let product = text("\(folder)/idProduct") {
                return SerialAdapter(
                    vendor: vendor, product: product, serial: text("\(folder)/serial") ?? "", interface: interface,
                    socket: folder.split(separator: "/").last.map(String.init) ?? "")
            }
            guard let slash = folder.lastIndex(of: "/"), slash != folder.startIndex else { return nil }
            folder = String(folder[..<slash])
        }
        return nil
    }

    /// The file by which an FTDI adapter is told how long to collect bytes, in milliseconds; nil where there is none.
    func latencyTimer(of path: String) -> String? {
        guard let name = (Self.canonical(path) ?? path).split(separator: "/").last else { return nil }
        let file = "\(sysfs)/class/tty/\(name)/device/latency_timer"
        return access(file, F_OK) == 0 ? file : nil
    }

    /// The path without links; nil when there is nothing.
    static func canonical(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// First line of a small file.
    func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        return String(decoding: buffer.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
    }

    private func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
