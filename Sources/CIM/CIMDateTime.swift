/// A point in time with its offset from UTC, or an interval: CIM's 25 characters as numbers (Semantics H.3).
///
/// Equality is character for character. A field of a timestamp may be a wildcard; an interval has none.
///
/// `00000000000000.000000+000` is no date. Real systems write it where a date is not set. Such a value is kept as it is (``isUnset``), has
/// no fields and is no instant.
public struct CIMDateTime: Hashable, Sendable {
    static let wildcardOffset = Int16.min

    /// The year, or an interval's days; -1 for a wildcard, as in the other fields.
    let yearOrDays: Int32
    let microsecondField: Int32

    /// Minutes east of UTC; `wildcardOffset` for an unknown zone, zero in an interval.
    let offsetField: Int16
    let monthField: Int8
    let dayField: Int8
    let hourField: Int8
    let minuteField: Int8
    let secondField: Int8

    /// 0: interval; 1: timestamp; 2: timestamp whose offset is written "-000" or "-***".
    let form: UInt8
}

extension CIMDateTime {
    public var isInterval: Bool { form == 0 }

    /// Whether it is a timestamp of zeros alone, whatever its offset: the way to write that no date is set.
    public var isUnset: Bool { !isInterval && monthField == 0 }

    /// The fields of a timestamp: nil for a wildcard, in an interval, and where no date is set.
    public var year: Int? { isInterval || isUnset || yearOrDays < 0 ? nil : Int(yearOrDays) }
    public var month: Int? { isInterval || monthField <= 0 ? nil : Int(monthField) }
    public var day: Int? { isInterval || dayField <= 0 ? nil : Int(dayField) }
    public var hour: Int? { isUnset || hourField < 0 ? nil : Int(hourField) }
    public var minute: Int? { isUnset || minuteField < 0 ? nil : Int(minuteField) }
    public var second: Int? { isUnset || secondField < 0 ? nil : Int(secondField) }
    public var microsecond: Int? { isUnset || microsecondField < 0 ? nil : Int(microsecondField) }

    /// Minutes east of UTC: nil when unknown, in an interval, and where no date is set.
    public var offset: Int? { isInterval || isUnset || offsetField == CIMDateTime.wildcardOffset ? nil : Int(offsetField) }

    /// Days of an interval; nil in a timestamp.
    public var days: Int? { isInterval ? Int(yearOrDays) : nil }

    public var hasWildcards: Bool {
        guard !isInterval else { return false }
        return yearOrDays < 0 || monthField < 0 || dayField < 0 || hourField < 0 || minuteField < 0 || secondField < 0
            || microsecondField < 0 || offsetField == CIMDateTime.wildcardOffset
    }

    /// The timestamp of an instant, in the zone `offset` minutes east of UTC.
    ///
    /// Nil when `microseconds` is outside 0..<1000000, `offset` outside -999...999, or the year outside 0...9999.
    public init?(secondsSince1970: Int64, microseconds: Int = 0, offset: Int = 0) {
        guard (0..<1_000_000).contains(microseconds), (-999...999).contains(offset) else { return nil }
        let (local, overflow) = secondsSince1970.addingReportingOverflow(Int64(offset) * 60)
        guard !overflow, (-62_167_219_200...253_402_300_799).contains(local) else { return nil }
        var day = local / 86400
        var second = local % 86400
        if second < 0 {
            second += 86400
            day -= 1
        }
        let date = CIMCalendar.date(ofDay: day)
        self.init(
            yearOrDays: Int32(date.year), microsecondField: Int32(microseconds), offsetField: Int16(offset), monthField: Int8(date.month),
            dayField: Int8(date.day), hourField: Int8(second / 3600), minuteField: Int8(second / 60 % 60), secondField: Int8(second % 60),
            form: offset < 0 ? 2 : 1)
    }

    /// The interval of so many microseconds. Nil from 100,000,000 days on.
    public init?(intervalMicroseconds total: UInt64) {
        let seconds = total / 1_000_000
        let days = seconds / 86400
        guard days <= 99_999_999 else { return nil }
        self.init(
            yearOrDays: Int32(days), microsecondField: Int32(total % 1_000_000), offsetField: 0, monthField: 0, dayField: 0,
            hourField: Int8(seconds / 3600 % 24), minuteField: Int8(seconds / 60 % 60), secondField: Int8(seconds % 60), form: 0)
    }

    /// Microseconds since 1970-01-01 00:00 UTC; nil for an interval, for a value with wildcards, and where no date is set.
    public var microsecondsSince1970: Int64? {
        guard let year, let month, let day, let hour, let minute, let second, let microsecond, let offset else { return nil }
        let days = CIMCalendar.day(year: year, month: month, day: day)
        return (days * 86400 + Int64(hour * 3600 + minute * 60 + second - offset * 60)) * 1_000_000 + Int64(microsecond)
    }

    /// Whole seconds since 1970-01-01 00:00 UTC, rounded down, and the microseconds on top.
    public var secondsSince1970: (seconds: Int64, microseconds: Int)? {
        guard let total = microsecondsSince1970, let microsecond else { return nil }
        return ((total - Int64(microsecond)) / 1_000_000, microsecond)
    }

    /// The length of an interval; nil for a timestamp.
    public var intervalMicroseconds: UInt64? {
        guard isInterval else { return nil }
        let seconds = Int64(yearOrDays) * 86400 + Int64(hourField) * 3600 + Int64(minuteField) * 60 + Int64(secondField)
        return UInt64(seconds) * 1_000_000 + UInt64(microsecondField)
    }

    /// -1, 0 or 1 for earlier, same and later (shorter, equal and longer).
    ///
    /// Nil when the two cannot be ordered: an interval and a timestamp, or a value with wildcards or without a date unless both are equal
    /// character for character.
    public func compared(to other: CIMDateTime) -> Int? {
        if self == other { return 0 }
        if let mine = intervalMicroseconds, let theirs = other.intervalMicroseconds { return mine == theirs ? 0 : mine < theirs ? -1 : 1 }
        guard let mine = microsecondsSince1970, let theirs = other.microsecondsSince1970 else { return nil }
        return mine == theirs ? 0 : mine < theirs ? -1 : 1
    }
}
