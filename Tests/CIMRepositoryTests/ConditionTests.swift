import CIM
import CIMRepository
import Testing

/// What must hold when changes are made: it sees what is stored before them, and what would be after them.
@Suite struct ConditionTests {
    @Test("of two commits at once that bring the same class, the condition of the second sees the class of the first, and refuses it")
    func atOnce() async throws {
        let repository = try await Repository.inMemory()
        /// A class that nobody else has brought.
        @Sendable func bring(_ provider: String) async -> WBEMStatus? {
            var declared = CIMClass(name: "Same")
            declared.qualifiers = [CIMQualifier(name: "provider", value: .string(provider))]
            do throws(CIMError) {
                try await repository.commit([.putClass(declared, in: .cimv2)]) { before, after throws(CIMError) in
                    if let known = before.class("Same", in: .cimv2) {
                        throw CIMError(.accessDenied, "it is of \(known.providerName ?? "")")
                    }
                    guard after.class("Same", in: .cimv2)?.providerName == provider else { throw CIMError(.failed, "it is not there") }
                }
                return nil
            } catch {
                return error.status
            }
        }
        let results = await withTaskGroup(of: (String, WBEMStatus?).self) { group in
            for number in 0..<8 { group.addTask { ("P\(number)", await bring("P\(number)")) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let winners = results.filter { $0.1 == nil }.map(\.0)
        #expect(winners.count == 1)
        #expect(results.count { $0.1 == .accessDenied } == 7)
        #expect(repository.schema.class("Same", in: .cimv2)?.providerName == winners.first)
    }

    @Test("a check has the same condition as a commit, and changes nothing")
    func check() async throws {
        let repository = try await Repository.inMemory()
        let change = RepositoryChange.putClass(CIMClass(name: "New"), in: .cimv2)
        for isThere in [false, true] {
            let refused = try await status {
                try await repository.check([change]) { before, after throws(CIMError) in
                    guard before.class("New", in: .cimv2) == nil, after.class("New", in: .cimv2) != nil else {
                        throw CIMError(.alreadyExists, "it is there already")
                    }
                }
            }
            #expect(refused == (isThere ? .alreadyExists : nil))
            #expect((repository.schema.class("New", in: .cimv2) != nil) == isThere)
            try await repository.commit([change])
        }
    }
}
