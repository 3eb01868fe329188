import CIM
import Glibc

extension CIMLocale {
    /// The language of the user of this process: what the first of `LC_ALL`, `LC_MESSAGES` and `LANG` says that is set. Nil when that
    /// variable names no language that is known, and when none of them is set.
    public static var current: CIMLocale? {
        for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
            if let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty { return CIMLocale(text) }
        }
        return nil
    }
}
