import CIM
import CIMMOF
import Testing

@Suite("Writing and reading back: compile(write(x)) = x")
struct MOFRoundTripTests {
    /// Without what is not written: files and places.
    private func content(_ unit: MOFUnit) -> [MOFDeclaration] {
        unit.declarations.map { declaration in
            var bare = MOFDeclaration(
                content: declaration.content, namespace: declaration.namespace, flags: declaration.flags, alias: declaration.alias)
            if case .instance(var declared) = declaration.content {
                for index in declared.aliasReferences.indices {
                    declared.aliasReferences[index].line = 0
                    declared.aliasReferences[index].column = 0
                }
                bare.content = .instance(declared)
            }
            return bare
        }
    }

    @Test("2,000 random units, with their own qualifier types and without", .timeLimit(.minutes(1)), arguments: 0..<4 as Range<UInt64>)
    func units(seed: UInt64) throws {
        var generator = SchemaGenerator(seed: seed)
        for number in 0..<500 {
            let unit = generator.unit()
            let text = MOFWriter.write(unit)
            do {
                let again = try MOFParser.parse(MOFSource(file: "again", text: text), in: MOFContext())
                guard content(again) == content(unit), again.isAutorecovered == unit.isAutorecovered, again.warnings.isEmpty else {
                    let pairs = zip(content(again), content(unit)).first { $0 != $1 }
                    Issue.record("seed \(seed), unit \(number): read \(String(describing: pairs))\n\(text)")
                    return
                }
            } catch {
                Issue.record("seed \(seed), unit \(number): \(error)\n\(text)")
                return
            }
        }
    }

    @Test("What the caller knows of qualifiers need not be said")
    func knownOutside() throws {
        let known = CIMQualifierType(name: "Key", type: .init(.boolean), flavor: [.toSubclass, .disableOverride])
        let size = CIMQualifierType(name: "MaxLen", type: .init(.uint32))
        let types = { (name: String) in [known, size].first { CIMName.equal($0.name, name) } }
        let declared = CIMClass(
            name: "C",
            properties: [
                CIMProperty(
                    name: "p", type: .init(.string),
                    qualifiers: [
                        CIMQualifier(name: "Key", flavor: known.flavor),
                        CIMQualifier(name: "MaxLen", value: .uint32(5), flavor: [.toInstance, .disableOverride]),
                    ], origin: "C")
            ])
        let text = MOFWriter.write(declared, knowing: types)
        #expect(text.contains("[Key, MaxLen(5) : NotToSubclass ToInstance DisableOverride] string p;"), "\(text)")
        let context = MOFContext(qualifierType: { name, _ in types(name) })
        #expect(try MOFParser.parse(MOFSource(file: "x", text: text), in: context).classes == [declared])
    }

    @Test("An embedded object whose qualifier is inherited stays one")
    func inheritedEmbedding() throws {
        let inherited = CIMQualifier(name: "EmbeddedInstance", value: "L", flavor: [.toSubclass, .originPropagated])
        let type = CIMTypeReference(.object, className: "L")
        let declared = CIMClass(name: "C", properties: [CIMProperty(name: "p", type: type, qualifiers: [inherited], origin: "C")])
        #expect(try MOFParser.parse(MOFWriter.write(declared)).classes[0].properties[0].type == type)
    }

    @Test("Long strings go over several lines, none of them long")
    func longStrings() {
        let words = String(repeating: "word and word \"\\ ", count: 500)
        let text = MOFWriter.write(CIMClass(name: "C", qualifiers: [CIMQualifier(name: "Description", value: .string(words))]))
        #expect(text.utf8.split(separator: 0x0A).allSatisfy { $0.count <= 140 })
    }
}
