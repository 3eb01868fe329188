import CIM
import CIMBusCore
import CIMBusWire
import Testing

@testable import CIMBusBroker

/// What is counted, and how it is written.
@Suite struct MetricsTests {
    private static func step(_ operation: UInt64, part: UInt64? = nil, at: Microseconds = 0, _ what: FlightStep.What) -> FlightStep {
        FlightStep(operation: OperationID(operation), part: part.map { OperationID($0) }, at: at, what: what)
    }

    @Test("an operation counts once, by its method and status; its parts are calls of their providers")
    func endings() {
        var metrics = Metrics()
        let steps = [
            Self.step(1, part: 2, at: 10, .called(RegistrationID(7), PeerID(1))),
            Self.step(1, part: 3, at: 10, .called(RegistrationID(8), PeerID(1))),
            Self.step(1, part: 2, at: 1_010, .ended(.noError, objects: 1)), Self.step(1, part: 3, at: 60_010, .ended(.failed, objects: 0)),
            Self.step(1, at: 60_020, .ended(.failed, objects: 1)), Self.step(4, .abandoned),
            Self.step(5, .waitsForProcess(RegistrationID(7))),
            Self.step(5, .blocked(.client)), Self.step(6, .ended(.noError, objects: 0)),
        ]
        metrics.add(steps) { _ in ("ExecQuery", 0) }
        #expect(metrics.endings.count == 3 && metrics.endings.allSatisfy { $0.value == 1 })
        #expect(metrics.endings.contains { $0.key.kind == "ExecQuery" && $0.key.status == "Abandoned" })
        #expect(metrics.endings.contains { $0.key.status == "NoError" } && metrics.endings.contains { $0.key.status == "Failed" })
        #expect(metrics.latencies[RegistrationID(7)]?.counts.first == 1 && metrics.latencies[RegistrationID(8)]?.counts[6] == 1)
        #expect(metrics.waits == ["process": 1, "credit-client": 1])
    }

    @Test("statuses that no table has, and providers beyond the 64th, have no row of their own")
    func bounded() {
        var metrics = Metrics()
        for number in 1...1_000 as ClosedRange<UInt64> {
            let called = Self.step(number, .called(RegistrationID(number), PeerID(1)))
            let ended = Self.step(number, .ended(WBEMStatus(rawValue: 0x8123_0000 + UInt32(number)), objects: 0))
            metrics.add([called, ended]) { _ in ("GetObject", 0) }
        }
        #expect(
            metrics.endings.count == 1 && metrics.endings.first?.value == 1_000
                && metrics.endings.first?.key == Metrics.Ending(kind: "GetObject", status: "Other"))
        #expect(metrics.latencies.count == 65 && metrics.latencies[Metrics.others]?.counts.first == 936)
    }

    @Test("the text of each format: names of counters, buckets that add up, values that cannot break a line")
    func text() {
        var histogram = Metrics.Histogram()
        for time in [500, 1_000, 1_001, 60_000_000] as [Microseconds] { histogram.add(time) }
        func text(_ format: MetricsText.Format) -> String {
            var text = MetricsText(format)
            text.counter("x_things", "Things.", [([("name", "a\"b\\c\nd")], 3)])
            text.histogram("x_seconds", "Times.", [([], histogram)])
            return text.finish()
        }
        #expect(
            text(.openMetrics).hasPrefix("# HELP x_things Things.\n# TYPE x_things counter\nx_things_total{name=\"a\\\"b\\\\c\\nd\"} 3\n"))
        #expect(text(.text).hasPrefix("# HELP x_things_total Things.\n# TYPE x_things_total counter\nx_things_total{"))
        #expect(text(.common).hasPrefix("# HELP x_things_total Things.\nx_things_total{"))
        for format in [MetricsText.Format.openMetrics, .common] { #expect(text(format).hasSuffix("\n# EOF\n")) }
        #expect(!text(.text).contains("EOF"))
        for line in [
            "x_seconds_bucket{le=\"0.001\"} 2", "x_seconds_bucket{le=\"0.0025\"} 3", "x_seconds_bucket{le=\"+Inf\"} 4", "x_seconds_count 4",
            "x_seconds_sum 60.002501",
        ] {
            #expect(text(.text).contains(line + "\n"), "\(line)")
        }
    }

    @Test("HTTP: /metrics is answered to GET and HEAD, in the format that the reader accepts; anything else is refused")
    func http() {
        func answer(_ text: String) -> HTTPAnswer? { HTTPAnswer(to: Array(text.utf8)) }
        #expect(answer("GET /metrics HTTP/1.1\r\nHost: x\r\n") == nil)
        #expect(answer("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == .metrics(.text, isHead: false))
        #expect(answer("HEAD /metrics?x=1 HTTP/1.0\r\n\r\n") == .metrics(.text, isHead: true))
        #expect(
            answer("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain\r\n\r\n")
                == .metrics(.openMetrics, isHead: false))
        #expect(answer("GET / HTTP/1.1\r\n\r\n") == .notFound)
        #expect(answer("POST /metrics HTTP/1.1\r\n\r\n") == .notAllowed)
        #expect(answer("\r\n\r\n") == .badRequest && answer("GET /metrics\r\n\r\n") == .badRequest)
        #expect(HTTPAnswer.notAllowed.text(nil).hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(HTTPAnswer.metrics(.text, isHead: true).text("abc").hasSuffix("Content-Length: 3\r\nConnection: close\r\n\r\n"))
    }
}
