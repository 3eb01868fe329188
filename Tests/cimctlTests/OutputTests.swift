import ArgumentParser
import CIM
import DBus
import Testing

@testable import cimctl

@Suite struct OutputTests {
    private let process = CIMClass(
        name: "Linux_UnixProcess",
        properties: [
            CIMProperty(name: "Name", type: CIMTypeReference(.string)),
            CIMProperty(name: "Handle", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Size", type: CIMTypeReference(.uint64)),
            CIMProperty(name: "Started", type: CIMTypeReference(.datetime)),
        ])

    @Test("JSON: uint64 exact, datetimes as strings, absent properties null, one line")
    func json() {
        let instance = CIMInstance(
            className: "Linux_UnixProcess",
            [
                "Name": "a\"b\n\u{1}", "Handle": "1", "Size": .uint64(.max),
                "Extra": .array(of: .real64, [.real64(1.5), .real64(.nan)]),
            ])
        #expect(
            JSONText.line(instance, process, in: .cimv2)
                == #"{"__CLASS":"Linux_UnixProcess","Name":"a\"b\n\u0001","Handle":"1","Size":18446744073709551615,"Started":null,"Extra":[1.5,null]}"#
                + "\n")
    }

    @Test("JSON: a text is written alike from a string and from bytes, whatever is in it")
    func jsonTexts() throws {
        let odd = (0...0x7F).map { String(UnicodeScalar(UInt8($0))) } + ["", "ä", "\u{2028}", "😀 \"x\\", "plain"]
        for text in odd + [odd.joined()] {
            var written = ""
            JSONText.append(string: text, to: &written)
            var bytes: [UInt8] = []
            Array(text.utf8).withUnsafeBufferPointer { JSONText.append(string: $0, to: &bytes) }
            #expect(String(decoding: bytes, as: UTF8.self) == written)
            #expect(try JSONReader.read(written, isStrict: true) == .string(text))
        }
    }

    private func text(_ rows: [CIMInstance], _ format: OutputFormat, only names: [String]? = nil, width: Int? = nil, isSingle: Bool = false)
        throws -> (text: String, hidden: Int)
    {
        let style = OutputStyle(format: format, words: format.isForPeople, terminalWidth: width)
        var writer = RowWriter(Column.all(of: process, only: names), style, isSingle: isSingle)
        var text = ""
        for row in rows { text += try writer.append(Row(row, process, in: .cimv2, only: names)) }
        text += writer.finish()
        return (text, writer.hiddenColumns)
    }

    @Test("Table: keys first, numbers to the right, widths from the rows")
    func table() throws {
        let rows = [
            CIMInstance(className: "X", ["Handle": "1", "Size": .uint64(7)]),
            CIMInstance(className: "X", ["Handle": "abcdefgh", "Size": .uint64(123_456)]),
        ]
        let shown = try text(rows, .table, only: ["Handle", "Size"]).text
        #expect(shown == "Handle     Size\n-------- ------\n1             7\nabcdefgh 123456\n")
        #expect(try text([], .table).text == "Handle Name Size Started\n------ ---- ---- -------\n")
    }

    @Test("Table: on a terminal columns are narrowed before one is left out, and numbers are never cut; elsewhere nothing is")
    func tableOnTerminal() throws {
        let row = CIMInstance(
            className: "X", ["Handle": .string(String(repeating: "x", count: 100)), "Name": "n", "Size": .uint64(12_345_678)])
        let narrow = try text([row], .table, width: 20)
        #expect(narrow.text.split(separator: "\n").allSatisfy { $0.count <= 20 }, "\(narrow.text)")
        #expect(narrow.hidden == 2, "\(narrow.text)")
        let middle = try text([row], .table, width: 60)
        #expect(middle.hidden == 0 && middle.text.contains("12345678"), "\(middle.text)")
        #expect(middle.text.split(separator: "\n").allSatisfy { $0.count <= 60 }, "\(middle.text)")
        #expect(try text([row], .table).text.contains(String(repeating: "x", count: 100)))
    }

    @Test("A long text takes no room from columns that are short")
    func fitting() {
        func layout(_ name: String, _ width: Int, isNumber: Bool = false) -> InstanceTable.Layout {
            InstanceTable.Layout(name: name, width: width, isNumber: isNumber)
        }
        let fitted = InstanceTable.fitted([layout("A", 30), layout("B", 200), layout("C", 14), layout("D", 9, isNumber: true)], to: 80)
        #expect(fitted.map(\.width) == [27, 27, 14, 9])
        #expect(InstanceTable.fitted([layout("A", 30)], to: 5).map(\.width) == [5])
    }

    @Test("Every format: lists, one document of JSON, lines of it, CSV and TSV with what stands in their way, MOF, YAML")
    func formats() throws {
        let rows = [
            CIMInstance(className: "Linux_UnixProcess", ["Handle": "1", "Name": "a,\"b\"\n\tc\\", "Size": .uint64(7)]),
            CIMInstance(className: "Linux_UnixProcess", ["Handle": "no", "Size": .uint64(8)]),
        ]
        let names = ["Handle", "Name", "Size"]
        #expect(
            try text(rows, .list, only: names).text
                == "Handle : 1\nName   : a,\"b\"\u{FFFD}\u{FFFD}c\\\nSize   : 7\n\nHandle : no\nName   :\nSize   : 8\n")
        let first = #"{"__CLASS":"Linux_UnixProcess","Handle":"1","Name":"a,\"b\"\n\tc\\","Size":7}"#
        let second = #"{"__CLASS":"Linux_UnixProcess","Handle":"no","Name":null,"Size":8}"#
        #expect(try text(rows, .json, only: names).text == "[\(first),\n\(second)]\n")
        #expect(try text([], .json).text == "[]\n")
        #expect(try text([rows[0]], .json, only: names, isSingle: true).text == first + "\n")
        #expect(try text(rows, .jsonl, only: names).text == "\(first)\n\(second)\n")
        #expect(try text(rows, .csv, only: names).text == "Handle,Name,Size\n1,\"a,\"\"b\"\"\n\tc\\\",7\nno,,8\n")
        #expect(try text([], .csv, only: names).text == "Handle,Name,Size\n")
        #expect(try text(rows, .tsv, only: names).text == "Handle\tName\tSize\n1\ta,\"b\"\\n\\tc\\\\\t7\nno\t\t8\n")
        #expect(
            try text(rows, .yaml, only: names).text
                == "- __CLASS: Linux_UnixProcess\n  Handle: \"1\"\n  Name: \"a,\\\"b\\\"\\n\\tc\\\\\"\n  Size: 7\n"
                + "- __CLASS: Linux_UnixProcess\n  Handle: \"no\"\n  Name: null\n  Size: 8\n")
        #expect(try text([], .yaml).text == "[]\n")
        #expect(try text([rows[1]], .mof).text.hasPrefix("instance of Linux_UnixProcess\n{\n    Handle = \"no\";\n"))
        var writer = RowWriter(nil, OutputStyle(format: .mof))
        #expect(throws: ValidationError.self) { try writer.append(Row([("Name", "x")])) }
    }

    @Test("Words of Values, of ranges and of bits stand for numbers where a person reads; a bit without a name keeps the number")
    func words() throws {
        func property(_ name: String, _ type: CIMType, isArray: Bool = false, _ qualifiers: [(String, [String])]) -> CIMProperty {
            CIMProperty(
                name: name, type: CIMTypeReference(type, isArray: isArray),
                qualifiers: qualifiers.map { CIMQualifier(name: $0.0, value: .strings($0.1)) })
        }
        let declaration = CIMClass(
            name: "T",
            properties: [
                property("State", .uint16, [("ValueMap", ["2", "5..9"]), ("Values", ["Running", "Vendor"])]),
                property("Modes", .uint16, isArray: true, [("Values", ["Off", "On"])]),
                property("Bits", .uint8, [("BitMap", ["0", "3"]), ("BitValues", ["Read", "Write"])]),
            ])
        func line(_ state: UInt16, _ bits: UInt8, words: Bool) throws -> String {
            var writer = RowWriter(nil, OutputStyle(format: .tsv, words: words))
            let instance = CIMInstance(
                className: "T", ["State": .uint16(state), "Modes": .array(of: .uint16, [.uint16(1), .uint16(7)]), "Bits": .uint8(bits)])
            let text = try writer.append(Row(instance, declaration, in: .cimv2)) + writer.finish()
            return text.split(separator: "\n").last.map { String($0) } ?? ""
        }
        #expect(try line(2, 9, words: true) == "Running\tOn,7\tRead,Write")
        #expect(try line(7, 2, words: true) == "Vendor\tOn,7\t2")
        #expect(try line(2, 9, words: false) == "2\t1,7\t9")
        #expect(OutputFormat.allCases.filter(\.isForPeople) == [.table, .list])
    }

    @Test("Table: rows stream out in linear time; the header comes once")
    func largeTable() {
        var table = InstanceTable([("Handle", false), ("Size", true)], terminalWidth: 80)
        let clock = ContinuousClock()
        func write(_ count: Int) -> (lines: Int, time: Duration) {
            var lines = 0
            let time = clock.measure {
                for number in 0..<count {
                    lines += table.append(["\(number)", "\(number * 7)"]).utf8.count { $0 == 0x0A }
                }
            }
            return (lines, time)
        }
        let first = write(5000)
        #expect(first.lines == 5002)
        let later = write(20_000)
        #expect(later.lines == 20_000)
        // Quadratic would be 25 times the first at least.
        #expect(later.time < first.time * 15)
    }

    @Test("A progress bar fills up, and is no wider than the terminal")
    func progress() {
        let half = ProgressBar.line(1, of: 2, "compiling a\u{1B}.mof", elapsed: .seconds(5), width: 80)
        #expect(half == "[==========          ] 5 s compiling a\u{FFFD}.mof")
        #expect(ProgressBar.line(3, of: 2, "x", elapsed: .zero, width: 10).count == 9)
        #expect(ProgressBar.line(0, of: 0, "x", elapsed: .zero, width: 80).hasPrefix("[                    ]"))
    }

    @Test("A query's columns are those selected, in its own order")
    func selection() {
        #expect(QueryRows.selection(of: "SELECT Name, Handle, name FROM X WHERE Size > 1") == ["Name", "Handle"])
        #expect(QueryRows.selection(of: "SELECT * FROM X") == nil)
        #expect(QueryRows.selection(of: "SELEKT") == nil)
    }

    @Test("A failure says number, name, provider and what to do next; control characters stay out")
    func failure() {
        let extended = CIMInstance(
            className: "CIMBus_ExtendedStatus",
            ["ProviderName": "UnixProcessProvider", "ProviderProcessID": .uint32(4711), "ObjectsDelivered": .uint64(312)])
        let text = FailureReport(
            CIMError(.providerFailure, "it left the bus\u{1B}[2J", extendedStatus: extended), on: .session
        ).text
        #expect(text.hasPrefix("cimctl: 0x80041004 ProviderFailure: it left the bus\u{FFFD}[2J\n"))
        #expect(text.contains("UnixProcessProvider (process 4711), 312 objects"))
        #expect(text.contains("next: "))
        let lines = FailureReport(CIMError(.providerFailure, "KeyError: 'x'\nTraceback:\n  File\r\n  next: forged\n"), on: .session).text
        #expect(
            lines.hasPrefix(
                "cimctl: 0x80041004 ProviderFailure: KeyError: 'x'\n        Traceback:\n          File\u{FFFD}\n          next: forged\n  next: "
            ),
            "W6: a traceback keeps its lines, and forges none: \(lines)")
        let gone = FailureReport(CIMError(.transportFailure, "no broker"), on: .session).text
        #expect(gone.contains("start the broker: cimbusd --session"))
        let place = FailureReport.Place(command: "cimctl get", namespace: .cimv2)
        let object = FailureReport(CIMError(.providerFailure, "left\n", extendedStatus: extended), on: .session, advice: "retry").json(
            place)
        #expect(
            object
                == #"{"status":2147749892,"name":"ProviderFailure","exit":1,"text":"left","what":"cimctl get","bus":"session","namespace":"root/cimv2","#
                + #""provider":"UnixProcessProvider","process":4711,"objects":312,"next":"retry"}"# + "\n")
    }
}
