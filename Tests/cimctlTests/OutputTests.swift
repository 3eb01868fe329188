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

    @Test("Table: keys first, numbers to the right, widths from the rows")
    func table() {
        var table = InstanceTable(process, only: ["Handle", "Size"], terminalWidth: nil)
        var text = table.append(CIMInstance(className: "X", ["Handle": "1", "Size": .uint64(7)]))
        text += table.append(CIMInstance(className: "X", ["Handle": "abcdefgh", "Size": .uint64(123_456)]))
        text += table.finish()
        #expect(text == "Handle     Size\n-------- ------\n1             7\nabcdefgh 123456\n")
    }

    @Test("Table: on a terminal columns that do not fit are left out and cells are cut; elsewhere nothing is")
    func tableOnTerminal() {
        let row = CIMInstance(className: "X", ["Handle": .string(String(repeating: "x", count: 100)), "Name": "n"])
        var narrow = InstanceTable(process, only: [], terminalWidth: 20)
        let text = narrow.append(row) + narrow.finish()
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 20 })
        #expect(narrow.hiddenColumns == 3)
        var wide = InstanceTable(process, only: [], terminalWidth: nil)
        #expect((wide.append(row) + wide.finish()).contains(String(repeating: "x", count: 100)))
    }

    @Test("Table: rows stream out in linear time; the header comes once")
    func largeTable() {
        var table = InstanceTable(process, only: [], terminalWidth: 80)
        let clock = ContinuousClock()
        func write(_ count: Int) -> (lines: Int, time: Duration) {
            var lines = 0
            let time = clock.measure {
                for number in 0..<count {
                    let row = CIMInstance(className: "X", ["Handle": .string("\(number)"), "Size": .uint64(UInt64(number))])
                    lines += table.append(row).utf8.count { $0 == 0x0A }
                }
            }
            return (lines, time)
        }
        let first = write(1000)
        #expect(first.lines == 1002)
        let later = write(4000)
        #expect(later.lines == 4000)
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
    }
}
