import CIM
import Glibc

extension CIMLocale {
    /// The language of the user of this process. The first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty says it. Nil
    /// when that variable names no known language, and when none of them is set.
    public static var current: CIMLocale? {
        for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
            if let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty { return CIMLocale(text) }
        }
        return nil
    }
}
