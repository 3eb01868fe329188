import CIM
import DBus

/// What an error reply says went wrong, whatever library made it (Design 3, Errors).
///
/// The first of these counts: a number at the start of the text, `0x80041002`, that is an error's; a name of ours, `org.cimbus1.Error.NotFound`;
/// a name whose meaning is known (``meanings``).
public struct StatedError: Sendable {
    /// The status; nil where nothing says more than that the call failed, or where it is the transport that failed.
    public let status: WBEMStatus?
    /// What went wrong, for people: without the number, and with the reason before the traceback of a Python program, whose last line it is.
    public let text: String

    public init(_ error: DBusError) { self.init(name: error.name.text, text: error.message) }

    init(name: String, text: String) {
        var (name, text) = (name, text)
        // GLib writes the error that it got from somebody else into the text of its own.
        if let inner = Self.glibError(in: text) { (name, text) = inner }
        let isTraceback = text.hasPrefix(Self.tracebackStart)
        if isTraceback { text = Self.reasonFirst(text) }
        let own = name.hasPrefix(Contract.errorPrefix) ? WBEMStatus(errorName: String(name.dropFirst(Contract.errorPrefix.count))) : nil
        if let (number, rest) = Self.number(in: text, isTraceback: isTraceback),
            !number.isSuccess || name.hasPrefix(Contract.errorPrefix)
        {
            // A status without a name of its own still has its number. That of a success is no error's.
            status = number.isSuccess ? own ?? .failed : number
            self.text = rest
        } else {
            status = name.hasPrefix(Contract.errorPrefix) ? own ?? .failed : Self.meaning(of: name)
            self.text = text
        }
    }

    // MARK: - The text

    private static let tracebackStart = "Traceback (most recent call last):"

    /// A Python traceback ends with the reason, `ValueError: no such clock`, perhaps of several lines.
    private static func reasonFirst(_ text: String) -> String {
        // By scalars: a line end of two is one character.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        guard let last = lines.lastIndex(where: { $0.hasPrefix(tracebackStart) }),
            let reason = lines[(last + 1)...].firstIndex(where: { !$0.isEmpty && !$0.hasPrefix(" ") })
        else { return text }
        var said = lines[reason...]
        while said.last?.isEmpty == true { said.removeLast() }
        return (said + lines[..<reason]).joined(separator: "\n")
    }

    /// The number that the text starts with, `0x80041002`, and what follows it. In a traceback it may follow the name of the exception.
    private static func number(in text: String, isTraceback: Bool) -> (WBEMStatus, rest: String)? {
        if let found = number(in: text[...]) { return found }
        guard isTraceback, let colon = text.firstIndex(of: ":"),
            text[..<colon].utf8.allSatisfy({ CIMName.isIdentifierByte($0) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return number(in: text[text.index(after: colon)...].drop { $0 == " " })
    }

    private static func number(in text: Substring) -> (WBEMStatus, rest: String)? {
        let digits = text.utf8.dropFirst(2).prefix(8)
        let rest = text.utf8.dropFirst(10)
        guard text.hasPrefix("0x") || text.hasPrefix("0X"), digits.count == 8,
            digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            rest.first.map({ !CIMName.isIdentifierByte($0) }) ?? true, let number = UInt32(Substring(digits), radix: 16)
        else { return nil }
        return (WBEMStatus(rawValue: number), String(Substring(rest.drop { " :,;.\n".utf8.contains($0) })))
    }

    /// `GDBus.Error:NAME: text`.
    private static func glibError(in text: String) -> (name: String, text: String)? {
        let prefix = "GDBus.Error:"
        guard text.hasPrefix(prefix), let colon = text.dropFirst(prefix.count).firstIndex(of: ":"),
            let name = try? ErrorName(String(text[..<colon].dropFirst(prefix.count)))
        else { return nil }
        return (name.text, String(text[text.index(after: colon)...].drop { $0 == " " }))
    }

    // MARK: - The name

    private static func meaning(of name: String) -> WBEMStatus? {
        meanings[name] ?? name.split(separator: ".").last.flatMap { exceptions[String($0)] }
    }

    private static func named(_ prefix: String, _ names: [String: WBEMStatus]) -> [String: WBEMStatus] {
        Dictionary(uniqueKeysWithValues: names.map { (prefix + $0.key, $0.value) })
    }

    /// Names whose meaning is a standard, or a library's convention.
    public static let meanings: [String: WBEMStatus] =
        named(
            "org.freedesktop.DBus.Error.",
            [
                "AccessDenied": .accessDenied, "AuthFailed": .accessDenied, "InteractiveAuthorizationRequired": .accessDenied,
                "FileExists": .alreadyExists, "FileNotFound": .notFound, "InvalidArgs": .invalidParameter,
                "InvalidSignature": .invalidParameter, "LimitsExceeded": .quotaViolation, "NoMemory": .outOfMemory,
                "NotSupported": .notSupported, "PropertyReadOnly": .readOnly, "TimedOut": .timedOut, "Timeout": .timedOut,
                "UnknownInterface": .providerNotCapable, "UnknownMethod": .providerNotCapable, "UnknownProperty": .invalidProperty,
            ]
        )
        // sd-bus: an errno.
        .merging(WBEMStatus.bySystemErrorName) { first, _ in first }
        // GLib: a GIOErrorEnum that has no name on D-Bus.
        .merging(
            named(
                "org.gtk.GDBus.UnmappedGError.Quark._g_2dio_2derror_2dquark.Code",
                [
                    "1": .notFound, "2": .alreadyExists, "12": .outOfDiskSpace, "13": .invalidParameter, "14": .accessDenied,
                    "15": .notSupported, "21": .readOnly, "24": .timedOut,
                ])
        ) { first, _ in first }

    /// Exceptions that languages share, which libraries put behind a prefix of their own: `org.freedesktop.DBus.Python.FileNotFoundError`.
    public static let exceptions: [String: WBEMStatus] = [
        "FileNotFoundError": .notFound, "FileNotFoundException": .notFound, "NoSuchFileException": .notFound,
        "FileExistsError": .alreadyExists, "FileAlreadyExistsException": .alreadyExists,
        "PermissionError": .accessDenied, "AccessDeniedException": .accessDenied, "UnauthorizedAccessException": .accessDenied,
        "NotImplementedError": .providerNotCapable, "NotImplementedException": .providerNotCapable,
        "UnsupportedOperationException": .notSupported, "NotSupportedException": .notSupported,
        "TimeoutError": .timedOut, "TimeoutException": .timedOut,
        // The second is numpy's MemoryError.
        "MemoryError": .outOfMemory, "_ArrayMemoryError": .outOfMemory, "NoMemoryError": .outOfMemory, "OutOfMemoryError": .outOfMemory,
        "OutOfMemoryException": .outOfMemory,
    ]
}
