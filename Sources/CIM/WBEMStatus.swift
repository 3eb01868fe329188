/// The outcome of an operation: a WMI status code, a number with a sign bit for failure (Semantics G.1).
///
/// A status is data: a code that has no name here is passed on unchanged. ``CIMError`` lists whose fault a status is.
public struct WBEMStatus: RawRepresentable, Hashable, Sendable, Codable, Error {
    /// The HRESULT.
    public let rawValue: UInt32

    /// Wraps any HRESULT, known or not.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The error called `errorName` on D-Bus ("NotFound"), or nil when no error has that name.
    ///
    /// Case, underscores and the prefix of the headers do not count: "NOT_FOUND", "notfound" and "WBEM_E_NOT_FOUND" are NotFound.
    public init?(errorName: String) {
        guard let code = WBEMStatusTable.byErrorName[WBEMStatusTable.folded(errorName)] else { return nil }
        rawValue = code
    }

    /// Whether the sign bit is clear. `sFalse` and `sTimedOut` are successes.
    public var isSuccess: Bool { rawValue & 0x8000_0000 == 0 }

    /// Whether it means that a provider does not do what it was asked, and that another way may work (Semantics I.7).
    public var isIncapability: Bool { self == .providerNotCapable || self == .notSupported }

    /// The name in the headers, "WBEM_E_NOT_FOUND", or nil for a code without a name.
    public var name: String? { WBEMStatusTable.byCode[rawValue]?.name }

    /// The name in camel case without its prefix, "NotFound"; nil for success codes and codes without a name.
    ///
    /// WBEMMOF_E_TYPE_MISMATCH is "MofTypeMismatch", because WBEM_E_TYPE_MISMATCH has "TypeMismatch".
    public var errorName: String? { WBEMStatusTable.byCode[rawValue]?.errorName }

    /// One line that says what the code means; empty text is never returned.
    public var meaning: String { WBEMStatusTable.byCode[rawValue]?.meaning ?? (isSuccess ? "unnamed success" : "unnamed error") }

    /// The number as everybody writes it, "0x80041002".
    public var hex: String {
        let digits = String(rawValue, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}

extension WBEMStatus: CustomStringConvertible {
    /// "0x80041002 (WBEM_E_NOT_FOUND)".
    public var description: String { "\(hex) (\(name ?? "unnamed"))" }
}
