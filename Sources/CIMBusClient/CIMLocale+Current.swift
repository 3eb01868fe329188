import CIM
import Glibc

extension CIMLocale {
    /// The language of this process's user, as `LC_ALL`, `LC_MESSAGES` or `LANG` says, the first of them that is there; nil where that is none.
    public static var current: CIMLocale? {
        for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
            if let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty { return CIMLocale(text) }
        }
        return nil
    }
}
