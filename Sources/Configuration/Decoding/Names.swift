/// What may be called how.
enum Names {
    /// Longest name of a gateway, bus or device: it becomes part of topics and file names.
    static let longest = 64

    /// Not a device or bus: it stands for the gateway itself upstream.
    static let reserved = "gateway"

    static let expected = "1 to 64 of a-z, 0-9 and -"

    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= longest
            && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 }
    }

    /// The name made lawful, as a suggestion: `Feeder_A` becomes `feeder-a`.
    static func suggestion(for text: String) -> String? {
        let lawful = String(text.lowercased().map { "_ ./".contains($0) ? "-" : $0 }.prefix(longest))
        return isName(lawful) ? "\"\(lawful)\" would do" : nil
    }

    /// `<quantity>[.<channel>][.<phase>][.T<tariff>]`: whether the quantity is one is for the driver to say.
    static func isPoint(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let quantity = parts.first, !quantity.isEmpty, text.utf8.count <= 100 else { return false }
        return quantity.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
            && parts.dropFirst().allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy {
                        ($0 >= 97 && $0 <= 122) || ($0 >= 65 && $0 <= 90) || ($0 >= 48 && $0 <= 57) || $0 == 45
                            || $0 == 95
                    }
            }
    }
}
