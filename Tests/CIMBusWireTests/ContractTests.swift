import CIM
import CIMBusWire
import DBus
import Glibc
import Testing

@Suite("Names and paths of the contract")
struct ContractTests {
    @Test("A number in a path has one spelling")
    func numbers() {
        let parent = Contract.operationsPath
        func number(_ text: String) -> UInt64? { Contract.number(in: "/org/cimbus1/operations" + text, below: parent) }
        #expect(number("/1") == 1)
        #expect(number("/0") == 0)
        #expect(number("/18446744073709551615") == .max)
        let none = [
            "", "/", "/18446744073709551616", "/99999999999999999999999", "/01", "/00", "/+1", "/-1", "/1/", "/1/2", "/ 1", "/1 ", "/x",
            "/0x1", "1", "x/1", "/é", "/１",
        ]
        for text in none { #expect(number(text) == nil, "\(text)") }
        #expect(Contract.number(in: "/org/cimbus1/sinks/1", below: parent) == nil)
        #expect(Contract.number(in: "", below: parent) == nil)
        for number in [0, 1, 10, UInt64.max] {
            #expect(Contract.number(in: Contract.path(ofOperation: number).text, below: Contract.operationsPath) == number)
            #expect(Contract.number(in: Contract.path(ofSink: number).text, below: Contract.sinksPath) == number)
        }
    }

    @Test("Namespaces and registrations have paths of their own, whatever their names hold")
    func paths() throws {
        #expect(Contract.path(of: .cimv2).text == "/org/cimbus1/namespaces/root/cimv2")
        #expect(Contract.path(of: try #require(CIMNamespaceName("ROOT\\My_Ns"))).text == "/org/cimbus1/namespaces/root/my_5fns")
        let names = ["a", "A", "a_b", "a b", "a/b", "a.b", "é", "a_5fb", "_", "__", "a_"]
        let paths = names.map { Contract.path(ofProvider: $0, in: .cimv2).text }
        #expect(Set(paths).count == names.count)
        for path in paths { #expect(throws: Never.self) { try ObjectPath(path) } }
    }

    @Test("Protocol.md has the numbers that frames have for members, and every method of the contract has one")
    func memberNumbers() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try contents("/\(root)/Docs/Protocol.md")
        let table = page.components(after: "<!-- members: begin -->", before: "<!-- members: end -->")
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| Number") }.map(String.init)
        #expect(
            rows == PrivateContract.lists.map { "| \($0.number) | `\($0.interface)` | \($0.members.joined(separator: ", ")) |" })
        for interface in Interfaces.all {
            let list = try #require(PrivateContract.lists.first { $0.interface == interface.name })
            #expect(Set(list.members) == Set(interface.methods.map(\.name.text)))
            #expect(Set(list.members).count == list.members.count)
        }
        #expect(Set(PrivateContract.lists.map(\.number)).count == PrivateContract.lists.count)
        #expect(PrivateContract.members.name(of: 1025)?.member == "GetObject")
        #expect(PrivateContract.members.name(of: 0) == nil)
    }

    @Test("The interfaces equal dbus/interfaces/*.xml", arguments: Interfaces.all)
    func interfaces(table: InterfaceDescription) throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let described = try ObjectDescription(xml: try contents("/\(root)/dbus/interfaces/\(table.name.text).xml"))
        #expect(described.interfaces.count == 1)
        let xml = try #require(described.interfaces.first)
        func named<Element>(_ elements: [Element], _ name: (Element) -> String) -> [String: Element] {
            Dictionary(elements.map { (name($0), $0) }) { first, _ in first }
        }
        #expect(xml.name == table.name)
        #expect(Set(xml.methods.map(\.name.text)) == Set(table.methods.map(\.name.text)))
        let methods = named(xml.methods) { $0.name.text }
        for method in table.methods { #expect(methods[method.name.text] == method) }
        #expect(Set(xml.properties.map(\.name.text)) == Set(table.properties.map(\.name.text)))
        let properties = named(xml.properties) { $0.name.text }
        for property in table.properties { #expect(properties[property.name.text] == property) }
        #expect(xml.signals == table.signals)
    }

    private func contents(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"), "no file \(path)")
        defer { fclose(file) }
        var text: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { text.append(UInt8(truncatingIfNeeded: byte)) }
        return String(decoding: text, as: UTF8.self)
    }
}

extension String {
    /// What stands between two texts.
    fileprivate func components(after first: String, before second: String) -> String {
        guard let start = self.ranges(of: first).first?.upperBound, let end = self[start...].ranges(of: second).first?.lowerBound else {
            return ""
        }
        return String(self[start..<end])
    }
}
