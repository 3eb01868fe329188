extension CIMDateTime: CustomStringConvertible, LosslessStringConvertible {
    /// Reads the 25 characters; nil for anything else: other lengths, a partly wild field, a field out of its range, a wildcard in an
    /// interval. Zeros alone are ``isUnset``.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 25, bytes[14] == 0x2E else { return nil }
        /// The number at `start`; -1 for all asterisks; nil otherwise.
        func field(_ start: Int, _ length: Int, _ range: ClosedRange<Int32>) -> Int32? {
            var value: Int32 = 0
            var stars = 0
            for byte in bytes[start..<start + length] {
                if byte == 0x2A {
                    stars += 1
                } else {
                    guard byte &- 0x30 < 10 else { return nil }
                    value = value * 10 + Int32(byte - 0x30)
                }
            }
            if stars == length { return -1 }
            return stars == 0 && range.contains(value) ? value : nil
        }
        guard let hour = field(8, 2, 0...23), let minute = field(10, 2, 0...59), let second = field(12, 2, 0...59),
            let microsecond = field(15, 6, 0...999_999), let zone = field(22, 3, 0...999)
        else { return nil }
        if bytes[21] == 0x3A {
            guard let days = field(0, 8, 0...99_999_999), zone == 0, min(days, hour, minute, second, microsecond) >= 0 else { return nil }
            self.init(
                yearOrDays: days, microsecondField: microsecond, offsetField: 0, monthField: 0, dayField: 0, hourField: Int8(hour),
                minuteField: Int8(minute), secondField: Int8(second), form: 0)
            return
        }
        guard bytes[21] == 0x2B || bytes[21] == 0x2D, let year = field(0, 4, 0...9999), let month = field(4, 2, 0...12),
            let day = field(6, 2, 0...31)
        else { return nil }
        if month == 0 || day == 0 {
            guard (year, month, day, hour, minute, second) == (0, 0, 0, 0, 0, 0), microsecond == 0 else { return nil }
        } else if month > 0, day > CIMCalendar.days(inMonth: Int(month), of: year < 0 ? nil : Int(year)) {
            return nil
        }
        let isWest = bytes[21] == 0x2D
        self.init(
            yearOrDays: year, microsecondField: microsecond,
            offsetField: zone < 0 ? CIMDateTime.wildcardOffset : Int16(isWest ? -zone : zone), monthField: Int8(month),
            dayField: Int8(day), hourField: Int8(hour), minuteField: Int8(minute), secondField: Int8(second), form: isWest ? 2 : 1)
    }

    /// The 25 characters.
    public var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(25)
        func put(_ value: Int32, _ length: Int) {
            guard value >= 0 else {
                bytes.append(contentsOf: repeatElement(0x2A, count: length))
                return
            }
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0x30, count: length))
            var rest = value
            for place in stride(from: start + length - 1, through: start, by: -1) {
                bytes[place] = 0x30 + UInt8(rest % 10)
                rest /= 10
            }
        }
        if isInterval {
            put(yearOrDays, 8)
        } else {
            put(yearOrDays, 4)
            put(Int32(monthField), 2)
            put(Int32(dayField), 2)
        }
        put(Int32(hourField), 2)
        put(Int32(minuteField), 2)
        put(Int32(secondField), 2)
        bytes.append(0x2E)
        put(microsecondField, 6)
        bytes.append(isInterval ? 0x3A : form == 2 ? 0x2D : 0x2B)
        put(offsetField == CIMDateTime.wildcardOffset ? -1 : Int32(offsetField.magnitude), 3)
        return String(decoding: bytes, as: UTF8.self)
    }
}
