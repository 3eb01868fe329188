/// The name of a new provider. The registration, the schema of its classes, its library and its programs have this name.
struct ProviderName: Hashable, Sendable, CustomStringConvertible {
    let text: String

    /// Names of modules that the new package imports, or that come with Swift: a module of the same name would hide them.
    private static let taken: Set<String> = [
        "cim", "cimbusclient", "cimbusprovider", "cimbustestkit", "cimbuswire", "dbus", "dispatch", "foundation", "glibc", "logging",
        "servicelifecycle", "swift", "synchronization", "testing", "wiretestkit", "xctest",
    ]

    /// Throws what is wrong with it, and what a name is.
    init(_ text: String) throws(Fault) {
        let units = Array(text.utf8)
        guard let first = units.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
            throw Fault("'\(text)' does not begin with a capital letter from A to Z; a name is one word such as Clocks")
        }
        guard units.allSatisfy({ Self.isLetterOrDigit($0) }) else {
            throw Fault("'\(text)' has other characters than letters from A to Z and digits; a name is one word such as Clocks")
        }
        guard units.count <= 40 else { throw Fault("the name has \(units.count) characters; at most 40 are allowed") }
        guard !Self.taken.contains(text.lowercased()) else {
            throw Fault("'\(text)' is the name of a library that the provider needs; take another name")
        }
        self.text = text
    }

    private static func isLetterOrDigit(_ unit: UInt8) -> Bool {
        switch unit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    struct Fault: Error, Hashable, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// Of the program and the unit: `clocks-provider`.
    var program: String { text.lowercased() + "-provider" }
    /// Of the user that the provider runs as on a system.
    var user: String { text.lowercased() }
    /// On the bus. Whoever publishes the provider has a domain of his own.
    var busName: String { "org.example.\(text)" }

    var description: String { text }
}
