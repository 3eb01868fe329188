import CIM
import DBus

/// What becomes of a D-Bus value, before it is fitted to the type of its CIM property.
public enum Conversion: Hashable, Sendable {
    public enum TimeUnit: String, Hashable, Sendable {
        case nanoseconds = "ns"
        case microseconds = "us"
        case milliseconds = "ms"
        case seconds = "s"
        case minutes = "min"

        /// So many of the unit in microseconds; nil where that is no number of 64 bits.
        func microseconds(_ count: UInt64) -> UInt64? {
            switch self {
            case .nanoseconds: return count / 1000
            case .microseconds: return count
            case .milliseconds: return checked(count, 1000)
            case .seconds: return checked(count, 1_000_000)
            case .minutes: return checked(count, 60_000_000)
            }
        }

        private func checked(_ count: UInt64, _ factor: UInt64) -> UInt64? {
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
    }

    /// A number of units since 1970 is a datetime.
    case since1970(TimeUnit)
    /// A number of units of the clock CLOCK_MONOTONIC is a datetime.
    case sinceBoot(TimeUnit)
    /// A number of units is an interval.
    case interval(TimeUnit)
    /// These values mean NULL; of an array, its elements.
    case null([ContextConstant])
    /// An object's path, or the value of a key, is a reference to an object of the class.
    case reference(String, key: String?)
    case json
    /// Bytes, up to the first NUL, are text.
    case text
    case hexadecimal
    /// The elements of an array as one text.
    case join(String)
    /// The keys of a dictionary.
    case keys
    /// How many elements an array has.
    case count
    /// The text that systemd's escaping made a path element of.
    case label
    /// A structure is an instance of the class: its fields are the properties, in order. A dictionary is one by its keys.
    case embedded(String)
    /// These values are others.
    case map([ContextConstant: ContextConstant])
}
