import CIM
import CIMMOF
import CIMRepository
import Testing

extension Repository {
    /// Compiles a MOF text as one unit.
    @discardableResult
    func compile(_ text: String, in namespace: CIMNamespaceName = .cimv2, flags: ChangeFlags = []) async throws -> Schema {
        let unit = try MOFParser.parse(text)
        var changes = try unit.changes(in: namespace, schema: schema)
        if !flags.isEmpty {
            changes = changes.map { change in
                switch change {
                case .putClass(let declared, let namespace, _): .putClass(declared, in: namespace, flags: flags)
                case .putInstance(let instance, let namespace, _, let only): .putInstance(instance, in: namespace, flags: flags, only: only)
                default: change
                }
            }
        }
        return try await commit(changes)
    }

    /// All instances of a class, page by page.
    func all(_ name: String, deep: Bool = true, in namespace: CIMNamespaceName = .cimv2, limit: Int = 256) async throws -> [CIMInstance] {
        var cursor: InstanceCursor? = try instances(of: name, deep: deep, in: namespace)
        var all: [CIMInstance] = []
        while let place = cursor {
            let page = try await page(at: place, limit: limit)
            all += page.instances
            cursor = page.next
        }
        return all
    }
}

/// The status an operation fails with; nil when it succeeds.
func status(_ operation: () async throws -> Void) async throws -> WBEMStatus? {
    do {
        try await operation()
        return nil
    } catch let error as CIMError {
        #expect(!error.message.isEmpty)
        return error.status
    }
}

func path(_ text: String) throws -> CIMObjectPath { try CIMObjectPath(parsing: text) }
