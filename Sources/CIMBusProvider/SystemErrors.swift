import CIM
import CIMBusWire
import DBus
import Glibc

extension CIMError {
    /// The error of a failed system call, as the client of a provider shall see it. ENOMEM is OutOfMemory (R15), ENOSPC is OutOfDiskSpace,
    /// ENOENT is NotFound, EACCES is AccessDenied. The whole table is in Docs/Protocol.md, "Errors of a provider". A number that says
    /// nothing to a client is Failed.
    ///
    /// ```swift
    /// let descriptor = open("/proc/meminfo", O_RDONLY)
    /// guard descriptor >= 0 else { throw CIMError(systemError: errno, "cannot open /proc/meminfo") }
    /// ```
    /// - Parameters:
    ///   - number: `errno`, read at once after the call.
    ///   - what: what could not be done. The system's words follow it.
    public init(systemError number: Int32, _ what: String) {
        self.init(WBEMStatus(systemError: number) ?? .failed, "\(what): \(String(cString: strerror(number)))")
    }
}

extension Error {
    /// The `errno` that an error of a common library carries: Foundation's `POSIXError`, an `NSError` of its POSIX domain, `Errno` of swift-system.
    /// Nil for any other.
    ///
    /// The library uses none of these, so it knows them by the names of their types and by what all errors say of themselves.
    var systemErrorNumber: Int32? {
        if _domain == "NSPOSIXErrorDomain" { return Int32(exactly: _code) }
        switch String(reflecting: type(of: self)) {
        case "SystemPackage.Errno", "System.Errno": return Self.rawNumber(self)
        case "FoundationEssentials.POSIXError", "Foundation.POSIXError":
            return Mirror(reflecting: self).descendant("code").flatMap { Self.rawNumber($0) }
        default: return nil
        }
    }

    private static func rawNumber(_ value: Any) -> Int32? { (value as? any RawRepresentable)?.rawValue as? Int32 }
}

extension DBusError {
    /// Objects that could not be sent: want of memory and size are OutOfMemory, anything else is a defect of theirs.
    var ofUnsentObjects: CIMError {
        switch code {
        case .outOfMemory, .tooLarge: CIMError(.outOfMemory, message, cause: self)
        default: CIMError(.invalidObject, message, cause: self)
        }
    }

    /// Objects that the broker did not take. It refuses by QuotaViolation what is too large, and would take less; here nobody sends less, so it
    /// is the end of the operation, which is OutOfMemory (R15).
    var ofRefusedObjects: CIMError {
        let error = CIMError(self)
        let isSize = code == .tooLarge || name.text == Contract.errorPrefix + "QuotaViolation"
        return isSize ? CIMError(.outOfMemory, error.message, extendedStatus: error.extendedStatus, cause: self) : error
    }
}
