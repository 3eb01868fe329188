import GRDB

extension DatabaseValue {
    /// A BLOB. Foundation's type for bytes is GRDB's, and is not named here, so that the target need not import it.
    static func blob(_ bytes: [UInt8]) -> DatabaseValue {
        guard case .blob(let data) = Storage.blob(.init(bytes)) else { return .null }
        return data.databaseValue
    }
}
