import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Metrics over the bus and at the socket, read by a parser that is not ours.
    @Suite(.timeLimit(.minutes(1)))
    struct BrokerMetricsTests {
        /// Parses the text of standard input, strictly, and prints each sample.
        private static let parser = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
            for family in parse(sys.stdin.read()):
                for sample in family.samples:
                    print(family.type, sample.name, *sorted(f"{k}={v}" for k, v in sample.labels.items()), float(sample.value))
            """

        private static func samples(_ text: String) async throws -> [String] {
            let folder = try StateFolder()
            let path = folder.repository
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
            let (output, end) = try await ChildProcess.output(
                "/bin/sh", ["-c", "exec /usr/bin/python3 -c \"$0\" < \"$1\" 2>&1", parser, path])
            try #require(end == .exited(0), "\(output)\n\(text)")
            return output.split(separator: "\n").map(String.init)
        }

        private static func metrics(_ scene: Scene) async throws -> String {
            try #require(try await scene.client.call(Contract.rootPath, Contract.broker, "GetMetrics").first?.text)
        }

        @Test("GetMetrics is OpenMetrics: operations by method and status, how long each provider took, what users have")
        func overTheBus() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.reply(.notFound) }
            _ = try? await scene.client.start(.get("Test_Thing.Name=\"thing0\""), .async).result()
            let samples = try await Self.samples(try await Self.metrics(scene))
            #expect(samples.contains("unknown cimbus_operations_total kind=GetObject status=NotFound 1.0"), "\(samples)")
            #expect(
                samples.contains("histogram cimbus_provider_duration_seconds_bucket le=+Inf namespace=root/cimv2 provider=Raw 1.0"),
                "\(samples)")
            #expect(samples.contains("gauge cimbus_registrations state=running 1.0"), "\(samples)")
            #expect(samples.contains("gauge cimbus_quota_used bound=registrations user=\(getuid()) 1.0"), "\(samples)")
        }

        @Test("others see totals, and of what is bounded their own", .enabled(if: getuid() == 0))
        func others() async throws {
            let scene = try await Scene.start(bus: try await PrivateBus.start(allUsers: true))
            _ = try await scene.provider()
            let text = try await scene.bus.callAsStranger(Contract.rootPath, Contract.broker, ["GetMetrics"])
            #expect(text.contains("cimbus_registrations") && !text.contains("user=\\\"0\\\""), "\(text)")
        }

        /// What a program of three lines gets from the socket.
        private static func fetch(_ socket: String, _ request: String) async throws -> String {
            let program = """
                import socket, sys
                s = socket.socket(socket.AF_UNIX); s.settimeout(15); s.connect(sys.argv[1])
                try: s.sendall(sys.argv[2].encode())
                except (BrokenPipeError, ConnectionResetError): pass  # It was turned away.
                def read():
                    try: return s.recv(65536)
                    except ConnectionResetError: return b""  # What it sent was not read to the end.
                print(b"".join(iter(read, b"")).decode())
                """
            return try await ChildProcess.output("/usr/bin/python3", ["-c", program, socket, request]).text
        }

        @Test("the socket answers GET /metrics by HTTP, and refuses what is not that; one that is left there is taken over")
        func socket() async throws {
            let folder = try StateFolder()
            let socket = folder.path + "/repository.sqlite"
            let first = try await Scene.start("--metrics", socket)
            try await first.broker.process.killAndWait()
            let scene = try await Scene.start(options: ["--metrics", socket], bus: first.bus)
            let plain = try await Self.fetch(socket, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(plain.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "\(plain)")
            #expect(plain.contains("# TYPE cimbus_objects_total counter"))
            let open = try await Self.fetch(socket, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n")
            let body = try #require(open.firstRange(of: "\r\n\r\n")).upperBound
            let samples = try await Self.samples(String(open[body...].dropLast()))
            #expect(samples.contains { $0.hasPrefix("counter cimbus_objects_total") }, "\(samples)")
            #expect(try await Self.fetch(socket, "GET /etc/passwd HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
            #expect(try await Self.fetch(socket, "DELETE /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 405 "))
            #expect(
                try await Self.fetch(socket, "GET /metrics HTTP/1.1\r\nX: " + String(repeating: "x", count: 8_000)).hasPrefix(
                    "HTTP/1.1 431 "))
            _ = scene
        }

        /// Connects, and says nothing.
        private static let quiet =
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print('there', flush=True); print(len(s.recv(1)), flush=True)"

        @Test(
            "a reader of metrics that says nothing is left after 5 s, and keeps nobody else from being answered; a user has two at a time")
        func silent() async throws {
            let folder = try StateFolder()
            let socket = folder.path + "/repository.sqlite"
            let scene = try await Scene.start("--metrics", socket)
            let first = try ChildProcess("/usr/bin/python3", ["-c", Self.quiet, socket])
            let second = try ChildProcess("/usr/bin/python3", ["-c", Self.quiet, socket])
            var (lines, others) = (first.lines.makeAsyncIterator(), second.lines.makeAsyncIterator())
            #expect(await lines.next() == "there")
            #expect(await others.next() == "there")
            #expect(try await Self.fetch(socket, "GET /metrics HTTP/1.1\r\n\r\n") == "\n")
            try await second.killAndWait()
            try await scene.eventually("room for another") {
                try await Self.fetch(socket, "GET /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 200")
            }
            #expect(await lines.next() == "0")
            _ = scene
        }
    }
}
